"""A class that follows from its phones: rooms, their state, the routes beside the app. Nothing of Streamlit."""
