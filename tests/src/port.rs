//! Addresses for services that are killed and started again on the same port.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::bail;

/// Below the kernel's ephemeral range: while a service is down, a client that reconnects could be given the
/// service's own port as its source port, and connect to itself.
const FIRST: u16 = 15_000;
const COUNT: u16 = 17_000;
const ATTEMPTS: u16 = 200;
/// Where in the range this process looks next: an address that was given out is not listened on yet, and must not be
/// given out a second time.
static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::random()));

/// A local address nobody listens on at this moment, and none that was asked for before.
///
/// # Errors
/// When no port of the range is free.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    for _ in 0..ATTEMPTS {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok(listener.local_addr()?);
        }
    }
    bail!("no free port between {FIRST} and {}", FIRST + COUNT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_address_is_given_out_twice() {
        let addresses: Result<BTreeSet<_>, _> = (0..500).map(|_| free_address()).collect();
        assert_eq!(addresses.unwrap().len(), 500);
    }
}
