//! The real seam on a real kernel: sockets, files, sendfile, wake-ups, with and without the
//! kernel's newer features.

mod files;
mod sendfile;
mod sockets;
mod support;
mod wake;
