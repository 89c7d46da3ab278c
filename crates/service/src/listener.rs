use std::{
    io,
    net::{SocketAddr, TcpListener, ToSocketAddrs as _},
};

use tokio::{net::TcpSocket, runtime::Handle};

/// Connections the kernel holds for us while we are busy. The usual 128 overflow when Meta sends a
/// burst, and a dropped SYN costs its sender a second.
const BACKLOG: u32 = 4_096;

/// Why nothing listens at an address.
#[derive(Debug, thiserror::Error)]
#[error("listening on {address}")]
pub struct BindError {
    /// The address as configured.
    pub address: String,
    /// Why.
    #[source]
    pub source: io::Error,
}

/// Opens a listener for `HttpServer::listen` and tells where it listens, so that port 0 works. To
/// be called inside the async runtime.
///
/// # Errors
///
/// When the address is malformed, taken or not ours.
pub fn bind_listener(address: &str) -> Result<(TcpListener, SocketAddr), BindError> {
    bind(address).map_err(|source| BindError {
        address: address.to_owned(),
        source,
    })
}

fn bind(address: &str) -> io::Result<(TcpListener, SocketAddr)> {
    // The socket registers with the runtime, which panics where there is none.
    Handle::try_current().map_err(io::Error::other)?;
    let mut last = io::Error::new(io::ErrorKind::InvalidInput, "the name has no address");
    for candidate in address.to_socket_addrs()? {
        match listen(candidate) {
            Ok(listener) => {
                let local = listener.local_addr()?;
                return Ok((listener, local));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn port_zero_becomes_a_real_port() {
        let (_listener, address) = bind_listener("127.0.0.1:0").unwrap();
        assert_ne!(address.port(), 0);
    }

    #[tokio::test]
    async fn a_taken_address_is_named() {
        let (_listener, address) = bind_listener("127.0.0.1:0").unwrap();
        let error = bind_listener(&address.to_string()).unwrap_err();
        assert_eq!(error.to_string(), format!("listening on {address}"));
        assert!(bind_listener("nonsense").is_err());
    }
}
