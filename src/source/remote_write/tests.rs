//! The receiver on a socket.
