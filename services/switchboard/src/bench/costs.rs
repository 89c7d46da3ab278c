//! CPU and memory of everything that takes part in a benchmark.

use anyhow::Context;

use super::children::{Service, cpu_seconds_of_tree};
use super::report::Report;
use super::tenant::Stage;

/// What each process had used when the clock started.
pub(crate) struct Costs {
    servers: [(&'static str, u32, f64); 2],
    services: Vec<f64>,
}

impl Costs {
    /// Reads all meters.
    pub(crate) fn begin(stage: &Stage, services: &[Service]) -> anyhow::Result<Self> {
        let postgres = stage.postgres.pid().context("PostgreSQL is not running")?;
        let nats = stage.nats.pid().context("nats-server is not running")?;
        Ok(Self {
            servers: [("postgres", postgres), ("nats", nats)]
                .map(|(name, pid)| (name, pid, cpu_seconds_of_tree(pid))),
            services: services.iter().map(Service::cpu).collect(),
        })
    }

    /// Adds what was used since, a message, and the most memory each service ever had.
    pub(crate) fn report(&self, services: &[Service], messages: f64, report: &mut Report) {
        let mut add = |name: &str, seconds: f64| {
            let used = seconds * 1e6 / messages;
            report.add_rounded(format!("cpu_us_{name}"), used, "µs a message");
        };
        for (name, pid, before) in self.servers {
            add(name, cpu_seconds_of_tree(pid) - before);
        }
        for (service, before) in services.iter().zip(&self.services) {
            add(service.name(), service.cpu() - before);
        }
        for service in services {
            let name = format!("memory_mib_{}", service.name());
            report.add_rounded(name, service.peak_mib(), "MiB at most");
        }
    }
}
