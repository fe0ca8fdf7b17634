//! A broker that does as little as can be: what a generator reaches on it, it reaches nowhere else.
//!
//! It speaks as much of Kafka's protocol as the drivers need, checks nothing, keeps records in
//! memory as they came, and has a thread for each connection. It runs as a process of its own, on
//! the cores of brokers ([`systems::ceiling`](crate::systems::ceiling)).
//!
//! Imports `error` only. Never here: a file, or a measurement.

mod answers;
mod input;
mod store;

use crate::error::{Error, Result};
use answers::Answer;
use input::Input;
use rustix::net::sockopt::set_tcp_congestion;
use std::io::{IoSlice, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use store::Store;

/// Serves `HOST:PORT` until the process is ended.
///
/// # Errors
/// If the address cannot be listened on.
pub fn serve(address: &str) -> Result<()> {
    let listener = TcpListener::bind(address).map_err(Error::io(address))?;
    // As Pinion does over loopback, so that the least of brokers has no pacing that Pinion lacks.
    set_tcp_congestion(&listener, "reno").map_err(|errno| Error::io(address)(errno.into()))?;
    let local = listener.local_addr().map_err(Error::io(address))?;
    let store = Arc::new(Store::new(local));
    for socket in listener.incoming() {
        let socket = socket.map_err(Error::io(address))?;
        let store = Arc::clone(&store);
        // A client that leaves, or sends what is not spoken here, ends its own thread only.
        thread::spawn(move || serve_client(&socket, &store));
    }
    Ok(())
}

fn serve_client(socket: &TcpStream, store: &Store) -> Result<()> {
    socket.set_nodelay(true).map_err(Error::io("a client"))?;
    let mut input = Input::default();
    while let Some(frame) = input.next(socket)? {
        if let Some(answer) = answers::answer(store, frame)? {
            send(socket, &answer)?;
        }
    }
    Ok(())
}

/// Writes an answer, with records where they belong.
fn send(mut socket: &TcpStream, answer: &Answer) -> Result<()> {
    let mut pieces = Vec::with_capacity(2 * answer.records.len() + 1);
    let mut from = 0;
    for (at, records) in &answer.records {
        pieces.push(IoSlice::new(&answer.frame[from..*at]));
        pieces.extend(records.iter().map(|batch| IoSlice::new(batch)));
        from = *at;
    }
    pieces.push(IoSlice::new(&answer.frame[from..]));
    let mut left = &mut pieces[..];
    // Empty pieces in front would look like nothing written.
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        let written = socket.write_vectored(left).map_err(Error::io("a client"))?;
        IoSlice::advance_slices(&mut left, written);
    }
    Ok(())
}
