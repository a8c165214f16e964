//! How the C library hands out memory.

#![allow(unsafe_code, reason = "two calls into the C library, which take numbers alone")]

/// Memory at the end of the heap goes back to the system from this size on, and pieces of this size get
/// pages of their own, bytes: both are the library's values at the start, which it would raise by and by.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const PIECE: libc::c_int = 128 << 10;

/// Has all threads take their memory from one place. By default each has one of its own, and what a source
/// made there and the engine let go leaves holes that nobody else fills: a sixth of all memory when 100,000
/// GPUs are scraped (158 MiB instead of 129). Call it before threads are started.
pub fn share() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: `mallopt` takes two numbers and changes how later requests are served, not what was handed
    // out; it refuses what it does not know, which costs nothing but memory.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_TRIM_THRESHOLD, PIECE);
    }
}
