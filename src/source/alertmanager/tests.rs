//! Checks of what is read, posted and silenced.
