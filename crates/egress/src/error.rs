use std::net::IpAddr;

use crate::guard::Refused;

/// Why a request has no usable answer.
///
/// The variants are cut along one question: can the other side have seen the request?
/// [`EgressError::certainly_not_sent`] answers it.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The HTTP client could not be built.
    #[error("building the HTTP client")]
    Client(#[source] reqwest::Error),
    /// The request itself is malformed: URL, header or body.
    #[error("building a request")]
    Request(#[source] reqwest::Error),
    /// The URL cannot be used: malformed, without a host, or neither http nor https.
    #[error("the URL is not an absolute http or https URL")]
    Url,
    /// The host is, or resolves to, an address tenants must not reach.
    #[error("requests to {host} are refused because its address is not public")]
    Guarded {
        /// The host as written.
        host: String,
        /// The refused address, where one was resolved.
        address: Option<IpAddr>,
    },
    /// No connection came about (DNS, TCP, TLS), so the request never left.
    #[error("connecting to {host}")]
    Connect {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The time was up after the connection stood: the request may have been carried out.
    #[error("waiting for the answer of {host}")]
    Timeout {
        /// The host.
        host: String,
        /// What was being waited for.
        #[source]
        source: reqwest::Error,
    },
    /// The connection broke while the request or its answer was on the way: the request may have
    /// been carried out.
    #[error("exchanging a request with {host}")]
    Interrupted {
        /// The host.
        host: String,
        /// How it broke.
        #[source]
        source: reqwest::Error,
    },
    /// The answer is larger than the caller takes.
    #[error("the answer of {host} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// The host.
        host: String,
        /// The caller's limit.
        limit_bytes: usize,
    },
    /// The answer is not the JSON the caller expects. The parser's own error is left out because it
    /// quotes the document, which may be personal.
    #[error(
        "the answer of {host} is not the expected JSON ({problem} at line {line}, column {column})"
    )]
    Decode {
        /// The host.
        host: String,
        /// `syntax error`, `unexpected content` or `incomplete document`.
        problem: &'static str,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
}

impl EgressError {
    /// Whether the other side certainly has not seen the request, so that sending it again cannot
    /// do anything twice. For [`EgressError::TooLarge`] and [`EgressError::Decode`], as for a lost
    /// answer, it has or may have.
    pub fn certainly_not_sent(&self) -> bool {
        match self {
            Self::Client(_)
            | Self::Request(_)
            | Self::Url
            | Self::Guarded { .. }
            | Self::Connect { .. } => true,
            Self::Timeout { .. }
            | Self::Interrupted { .. }
            | Self::TooLarge { .. }
            | Self::Decode { .. } => false,
        }
    }

    /// Whether the request may have been carried out and its answer is lost.
    pub fn is_answer_lost(&self) -> bool {
        !self.certainly_not_sent()
    }

    /// A word for metrics and log fields.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Client(_) => "client",
            Self::Request(_) | Self::Url => "request",
            Self::Guarded { .. } => "guarded",
            Self::Connect { .. } => "connect",
            Self::Timeout { .. } => "timeout",
            Self::Interrupted { .. } => "interrupted",
            Self::TooLarge { .. } => "too_large",
            Self::Decode { .. } => "decode",
        }
    }

    /// Sorts an error of the HTTP client. Its URL is removed: it may hold tokens and ids.
    pub(crate) fn classify(host: &str, source: reqwest::Error) -> Self {
        let host = host.to_owned();
        let source = source.without_url();
        if let Some(refused) = find_refused(&source) {
            return Self::Guarded {
                host,
                address: refused.address,
            };
        }
        if source.is_builder() {
            return Self::Request(source);
        }
        // A timeout while connecting is a connect error, so this question comes first.
        if source.is_connect() {
            return Self::Connect { host, source };
        }
        if source.is_timeout() {
            return Self::Timeout { host, source };
        }
        Self::Interrupted { host, source }
    }

    pub(crate) fn decode(host: &str, error: &serde_json::Error) -> Self {
        let problem = match error.classify() {
            serde_json::error::Category::Syntax => "syntax error",
            serde_json::error::Category::Data => "unexpected content",
            serde_json::error::Category::Eof | serde_json::error::Category::Io => {
                "incomplete document"
            }
        };
        Self::Decode {
            host: host.to_owned(),
            problem,
            line: error.line(),
            column: error.column(),
        }
    }
}

fn find_refused(error: &reqwest::Error) -> Option<&Refused> {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return Some(refused);
        }
        cause = error.source();
    }
    None
}
