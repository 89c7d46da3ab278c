//! Choice of the port a private server listens on.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use crate::random;

/// Below the kernel's usual ephemeral range (32768 and above): while a server is down, clients that
/// reconnect are given source ports of that range, and one of them could occupy the server's port
/// (even by connecting to itself).
const RANGE: Range<u16> = 15_000..32_000;
const ATTEMPTS: usize = 200;

/// Which port the next attempt of a start uses.
#[derive(Debug)]
pub(crate) enum PortChoice {
    /// This one only: the caller asked for it, or clients already know it.
    Fixed(u16),
    /// The one of the previous run if it is free, so that addresses stay the same; otherwise any.
    Any { previous: Option<u16> },
}

impl PortChoice {
    /// Returns the port to try now; a previous port is offered once.
    pub(crate) fn next(&mut self) -> u16 {
        match self {
            Self::Fixed(port) => *port,
            Self::Any { previous } => match previous.take() {
                Some(port) if is_free(port) => port,
                Some(_) | None => free_port(),
            },
        }
    }
}

/// Whether a server could listen on the port right now.
fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Returns a port that is free at this moment; the caller must cope with losing it again.
fn free_port() -> u16 {
    for _ in 0..ATTEMPTS {
        let Ok(bytes) = random::bytes() else { break };
        let port = RANGE.start + u16::from_le_bytes(bytes) % (RANGE.end - RANGE.start);
        if is_free(port) {
            return port;
        }
    }
    // Everything tried is taken: whatever the kernel gives is better than nothing.
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_or(RANGE.start, |address| address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_port_never_changes() {
        let mut choice = PortChoice::Fixed(4222);
        assert_eq!([choice.next(), choice.next()], [4222, 4222]);
    }

    #[test]
    fn the_previous_port_is_offered_once_when_it_is_free() {
        let port = free_port();
        let mut choice = PortChoice::Any {
            previous: Some(port),
        };
        assert_eq!(choice.next(), port);
        assert_ne!(choice.next(), port);
    }

    #[test]
    fn a_previous_port_that_is_taken_is_replaced() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let taken = listener.local_addr().unwrap().port();
        let mut choice = PortChoice::Any {
            previous: Some(taken),
        };
        assert_ne!(choice.next(), taken);
    }
}
