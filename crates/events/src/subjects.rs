//! Every subject, built from typed pieces.

use std::time::Duration;

use sb_ids::{Lane, OrganizationId, Shard};

/// How long a consumer waits for a silent reader where no settings say otherwise.
const ACK_WAIT: Duration = Duration::from_secs(30);

/// A subject to publish to. Only this crate makes one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(pub(crate) String);

impl Subject {
    /// The subject's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes back a subject that was stored in the outbox.
    ///
    /// # Errors
    /// Gives the text back when it is not a subject of this topology.
    pub fn from_stored(topology: &Topology, text: String) -> Result<Self, String> {
        let prefix = format!("{}sb.", topology.subject_prefix());
        if text.starts_with(&prefix) && !text.contains(['*', '>', ' ']) {
            Ok(Self(text))
        } else {
            Err(text)
        }
    }
}

/// The names of one installation on a NATS server: an optional prefix lets several (tests, staging)
/// share the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    prefix: String,
    ack_wait: Duration,
}

impl Default for Topology {
    fn default() -> Self {
        Self::new("")
    }
}

impl Topology {
    /// Names with a prefix of letters, digits and `_`; others are dropped. Empty for production.
    pub fn new(prefix: &str) -> Self {
        let prefix = prefix
            .chars()
            .filter(|c| c.is_ascii_alphanumeric() || *c == '_')
            .collect();
        Self {
            prefix,
            ack_wait: ACK_WAIT,
        }
    }

    /// The same names, with consumers that wait this long for a silent reader.
    #[must_use]
    pub const fn with_ack_wait(mut self, ack_wait: Duration) -> Self {
        self.ack_wait = ack_wait;
        self
    }

    /// How long consumers wait for a silent reader.
    pub(crate) const fn ack_wait(&self) -> Duration {
        self.ack_wait
    }

    fn subject_prefix(&self) -> String {
        if self.prefix.is_empty() {
            String::new()
        } else {
            format!("{}.", self.prefix)
        }
    }

    fn subject(&self, rest: &str) -> String {
        format!("{}sb.{rest}", self.subject_prefix())
    }

    /// A stream's or durable's name.
    pub(crate) fn name(&self, rest: &str) -> String {
        if self.prefix.is_empty() {
            rest.to_owned()
        } else {
            format!("{}_{rest}", self.prefix)
        }
    }

    /// Meta's posts as they came.
    pub fn updates(&self) -> Subject {
        Subject(self.subject("update.v1.whatsapp"))
    }

    /// Facts of one domain, tenant and lane.
    pub fn event(&self, domain: &str, organization: OrganizationId, lane: Lane) -> Subject {
        Subject(self.subject(&format!(
            "event.v1.{domain}.{organization}.{}",
            lane.index()
        )))
    }

    /// Facts of one domain, of all tenants.
    pub fn events_of_domain(&self, domain: &str) -> String {
        self.subject(&format!("event.v1.{domain}.*.*"))
    }

    /// Facts of one tenant, of all domains.
    pub fn events_of_organization(&self, organization: OrganizationId) -> String {
        self.subject(&format!("event.v1.*.{organization}.*"))
    }

    /// Commands to the dispatcher for the numbers of one shard.
    pub fn dispatch(&self, shard: Shard) -> Subject {
        Subject(self.subject(&format!("command.v1.dispatch.{}", shard.index())))
    }

    /// Commands to get files of one tenant and lane.
    pub fn media(&self, organization: OrganizationId, lane: Lane) -> Subject {
        Subject(self.subject(&format!("command.v1.media.{organization}.{}", lane.index())))
    }

    /// Commands to get files, of all tenants.
    pub fn media_of_all(&self) -> String {
        self.subject("command.v1.media.*.*")
    }

    /// Copies of what exhausted its tries, by the durable that gave up.
    pub fn dead(&self, durable: &str) -> Subject {
        Subject(self.subject(&format!("dead.v1.{durable}")))
    }

    /// What each stream listens to.
    pub(crate) fn stream_subjects(&self, stream: crate::Stream) -> String {
        self.subject(match stream {
            crate::Stream::Updates => "update.v1.>",
            crate::Stream::Events => "event.v1.>",
            crate::Stream::Dispatch => "command.v1.dispatch.>",
            crate::Stream::Media => "command.v1.media.>",
            crate::Stream::Dead => "dead.v1.>",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_keeps_two_installations_apart() {
        let (a, b) = (Topology::new("t1"), Topology::new(""));
        assert_eq!(a.updates().as_str(), "t1.sb.update.v1.whatsapp");
        assert_eq!(b.updates().as_str(), "sb.update.v1.whatsapp");
        assert!(Subject::from_stored(&b, a.updates().0).is_err());
    }
}
