//! Addresses for services that are killed and started again on the same port.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::bail;

/// Below the kernel's ephemeral range: while a service is down, a client that reconnects could be given the
/// service's own port as its source port, and connect to itself.
const FIRST: u16 = 15_000;
const COUNT: u16 = 17_000;
const ATTEMPTS: usize = 200;

/// A local address nobody listens on at this moment.
///
/// # Errors
/// When no port of the range is free.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    for _ in 0..ATTEMPTS {
        let port = FIRST + rand::random::<u16>() % COUNT;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok(listener.local_addr()?);
        }
    }
    bail!("no free port between {FIRST} and {}", FIRST + COUNT)
}
