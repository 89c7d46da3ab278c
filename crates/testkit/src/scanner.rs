//! A virus scanner.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sb_service::Lifecycle;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Speaks clamd's protocol, remembers the last file it was shown and says the same of each. Ends when it is dropped.
pub struct TestScanner {
    address: String,
    shown: Arc<Mutex<Vec<u8>>>,
    lifecycle: Lifecycle,
}

impl std::fmt::Debug for TestScanner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestScanner")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Drop for TestScanner {
    fn drop(&mut self) {
        self.lifecycle.shutdown();
    }
}

impl TestScanner {
    /// Starts one that says this of each file, such as `stream: OK`.
    pub async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scanner = Self {
            address: listener.local_addr().unwrap().to_string(),
            shown: Arc::default(),
            lifecycle: Lifecycle::new(Duration::from_secs(1)),
        };
        let shown = Arc::clone(&scanner.shown);
        let stopping = scanner.lifecycle.stopping();
        scanner.lifecycle.spawn("scanner", async move {
            loop {
                let peer = tokio::select! {
                    () = stopping.cancelled() => return,
                    peer = listener.accept() => peer.unwrap().0,
                };
                // One that breaks off is one scan that failed.
                if let Ok(file) = scan(peer, answer).await {
                    *shown.lock().unwrap() = file;
                }
            }
        });
        scanner
    }

    /// `host:port`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The last file.
    pub fn shown(&self) -> Vec<u8> {
        self.shown.lock().unwrap().clone()
    }
}

/// clamd(8), `INSTREAM`: parts with their lengths, the last one empty.
async fn scan(mut peer: TcpStream, answer: &str) -> std::io::Result<Vec<u8>> {
    let mut command = [0; b"zINSTREAM\0".len()];
    peer.read_exact(&mut command).await?;
    if &command != b"zINSTREAM\0" {
        peer.write_all(b"UNKNOWN COMMAND\0").await?;
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    let mut shown = Vec::new();
    loop {
        let length = peer.read_u32().await?;
        if length == 0 {
            break;
        }
        let start = shown.len();
        shown.resize(start + usize::try_from(length).unwrap(), 0);
        peer.read_exact(shown.get_mut(start..).unwrap_or_default())
            .await?;
    }
    peer.write_all(answer.as_bytes()).await?;
    peer.write_all(b"\0").await?;
    Ok(shown)
}
