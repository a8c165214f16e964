//! Recordings: what was on the screen, written down tick by tick, and read back as it was.
