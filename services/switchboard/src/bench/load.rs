//! A load generator that costs little: requests are ready-made bytes, answers are read as far as needed.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use futures::future::try_join_all;
use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// What a load came to.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) accepted: usize,
    pub(crate) elapsed: Duration,
    /// Microseconds until the answer.
    pub(crate) latency: Histogram<u64>,
}

impl Load {
    pub(crate) fn per_second(&self) -> f64 {
        let accepted = f64::from(u32::try_from(self.accepted).unwrap_or(u32::MAX));
        accepted / self.elapsed.as_secs_f64()
    }

    /// A percentile of the latency in milliseconds.
    pub(crate) fn latency_ms(&self, percentile: f64) -> f64 {
        let us = self.latency.value_at_quantile(percentile / 100.0);
        f64::from(u32::try_from(us).unwrap_or(u32::MAX)) / 1_000.0
    }
}

/// Posts everything over some connections, each with one request in flight, as fast as answers come.
pub(crate) async fn run(
    address: SocketAddr,
    requests: &[Vec<u8>],
    connections: usize,
) -> anyhow::Result<Load> {
    let share = requests.len().div_ceil(connections.max(1)).max(1);
    let started = Instant::now();
    let shares = requests
        .chunks(share)
        .map(|share| connection(address, share));
    let histograms = try_join_all(shares).await?;
    let elapsed = started.elapsed();
    let mut latency = Histogram::new(3)?;
    for histogram in histograms {
        latency.add(histogram)?;
    }
    Ok(Load {
        accepted: requests.len(),
        elapsed,
        latency,
    })
}

async fn connection(address: SocketAddr, requests: &[Vec<u8>]) -> anyhow::Result<Histogram<u64>> {
    let mut stream = TcpStream::connect(address)
        .await
        .context("connecting to the webhook")?;
    stream.set_nodelay(true)?;
    let mut latency = Histogram::new(3)?;
    let mut buffer = Vec::with_capacity(4_096);
    for request in requests {
        let started = Instant::now();
        stream.write_all(request).await?;
        let status = tokio::time::timeout(ANSWER_TIMEOUT, answer(&mut stream, &mut buffer))
            .await
            .context("the webhook did not answer in time")??;
        ensure!(status == 200, "the webhook answered {status}");
        latency.record(u64::try_from(started.elapsed().as_micros())?)?;
    }
    Ok(latency)
}

/// Reads one answer and gives its status.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<u16> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            bail!("the webhook closed the connection");
        }
        let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let text = std::str::from_utf8(buffer.get(..head).unwrap_or_default())?;
        let status = text.get(9..12).context("no status line")?.parse()?;
        let length: usize = text
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")?
                    .trim()
                    .parse()
                    .ok()
            })
            .unwrap_or(0);
        while buffer.len() < head + 4 + length {
            if stream.read_buf(buffer).await? == 0 {
                bail!("the webhook closed the connection within an answer");
            }
        }
        return Ok(status);
    }
}
