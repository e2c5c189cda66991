export const mount = (component) => component;
