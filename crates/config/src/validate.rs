use url::Url;

use crate::{ConfigError, Settings};

impl Settings {
    /// Collects what is readable but cannot work, so that one start shows all of it.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let mut problems = Vec::new();
        self.check_counts(&mut problems);
        self.check_urls(&mut problems);
        if !(0.0..=1.0).contains(&self.telemetry.sample_ratio) {
            problems.push("telemetry.sample_ratio must be between 0 and 1".to_owned());
        }
        if let Err(error) = self.meta.apps() {
            problems.push(error.to_string());
        }
        let prefix = &self.nats.prefix;
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !prefix.bytes().all(is_token) {
            problems.push("nats.prefix may hold letters, digits, - and _ only".to_owned());
        }
        if problems.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::Invalid(problems))
        }
    }

    fn check_counts(&self, problems: &mut Vec<String>) {
        let counts = [
            (
                "database.max_connections",
                self.database.max_connections == 0,
            ),
            ("nats.replicas", self.nats.replicas == 0),
            ("nats.ack_wait_seconds", self.nats.ack_wait_seconds == 0),
            ("webhook.workers", self.webhook.workers == 0),
            ("webhook.max_body_bytes", self.webhook.max_body_bytes == 0),
            ("webhook.max_batch_posts", self.webhook.max_batch_posts == 0),
            ("webhook.commit_inflight", self.webhook.commit_inflight == 0),
            ("webhook.queue_capacity", self.webhook.queue_capacity == 0),
            ("webhook.ingest_batch", self.webhook.ingest_batch == 0),
            ("flows.max_in_flight", self.flows.max_in_flight == 0),
            (
                "dispatcher.default_rate_per_second",
                self.dispatcher.default_rate_per_second == 0,
            ),
            (
                "dispatcher.max_in_flight",
                self.dispatcher.max_in_flight == 0,
            ),
            ("dispatcher.claim_batch", self.dispatcher.claim_batch == 0),
            ("agent.workers", self.agent.workers == 0),
            ("agent.lease_seconds", self.agent.lease_seconds == 0),
            (
                "manager.refresh_interval_seconds",
                self.manager.refresh_interval_seconds == 0,
            ),
            (
                "manager.refreshes_per_second",
                self.manager.refreshes_per_second == 0,
            ),
            ("gateway.workers", self.gateway.workers == 0),
            (
                "gateway.body_limit_bytes",
                self.gateway.body_limit_bytes == 0,
            ),
            ("outbox.batch", self.outbox.batch == 0),
            ("outbox.poll_interval_ms", self.outbox.poll_interval_ms == 0),
        ];
        let zeros = counts.iter().filter(|(_, is_zero)| *is_zero);
        problems.extend(zeros.map(|(key, _)| format!("{key} must be at least 1")));
    }

    fn check_urls(&self, problems: &mut Vec<String>) {
        let urls = [
            ("meta.graph_url", &self.meta.graph_url, true),
            ("llm.openai_url", &self.llm.openai_url, true),
            ("llm.anthropic_url", &self.llm.anthropic_url, true),
            ("llm.google_url", &self.llm.google_url, true),
            ("llm.groq_url", &self.llm.groq_url, true),
            (
                "telemetry.otlp_endpoint",
                &self.telemetry.otlp_endpoint,
                false,
            ),
            ("webhook.public_url", &self.webhook.public_url, false),
            ("gateway.public_url", &self.gateway.public_url, false),
            ("simulator.webhook_url", &self.simulator.webhook_url, false),
        ];
        for (key, value, is_required) in urls {
            if value.is_empty() && !is_required {
                continue;
            }
            let is_http =
                Url::parse(value).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
            if !is_http {
                problems.push(format!("{key} must be an http or https URL"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{ConfigError, Settings, Sources};

    #[test]
    fn everything_that_cannot_work_is_named_at_once() {
        let sources = Sources::from_pairs([
            ("SWITCHBOARD__AGENT__WORKERS", "0"),
            ("SWITCHBOARD__META__GRAPH_URL", "graph"),
            ("SWITCHBOARD__TELEMETRY__SAMPLE_RATIO", "1.5"),
            ("SWITCHBOARD__NATS__PREFIX", "a.b"),
            ("META_APP_ID", "1|2"),
            ("META_APP_SECRET", "x"),
        ]);
        let Err(ConfigError::Invalid(problems)) = Settings::load(&sources) else {
            panic!("must be refused")
        };
        assert_eq!(problems.len(), 5, "{problems:?}");
    }
}
