// Writes the choices of the page into the address in place, without a step in the browser's history.
export default function ({ data }) {
  const address = new URL(window.location.href);
  for (const [name, value] of Object.entries(data.put)) {
    if (value === null) address.searchParams.delete(name);
    else address.searchParams.set(name, value);
  }
  if (address.href !== window.location.href) window.history.replaceState(window.history.state, '', address);
}
