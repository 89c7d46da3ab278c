use std::{fmt, sync::Arc, time::Duration};

use opentelemetry::metrics::Histogram;
use reqwest::{Client, Method, redirect::Policy};
use sb_config::EgressSettings;
use url::Url;

use crate::{EgressError, EgressRequest, guard::Guard, install_crypto};

/// Shorter than the idle timeout of the servers we talk to: a request sent on a connection the
/// other side has just closed would count as a lost answer.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// The way out over HTTP; cheap to clone, one per process.
#[derive(Clone)]
pub struct Egress {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    /// For addresses that tenants gave: resolves through the guard.
    pub(crate) guarded: Client,
    /// For addresses the operator configured. Its own client, so that no guarded request ever
    /// rides on a connection this one opened.
    pub(crate) trusted: Client,
    pub(crate) guard: Guard,
    pub(crate) duration: Histogram<f64>,
}

impl Egress {
    /// Builds the two clients and installs the crypto provider.
    ///
    /// # Errors
    ///
    /// When the TLS stack cannot be set up, for example without any root certificates.
    pub fn new(settings: &EgressSettings) -> Result<Self, EgressError> {
        install_crypto();
        let guard = Guard::new(settings);
        let guarded = builder(settings).dns_resolver(Arc::new(guard.clone()));
        let duration = sb_telemetry::meter("sb-egress")
            .f64_histogram("switchboard.egress.duration")
            .with_unit("s")
            .with_description("Time until the head of the answer, by operation and outcome")
            .build();
        let inner = Inner {
            guarded: guarded.build().map_err(EgressError::Client)?,
            trusted: builder(settings).build().map_err(EgressError::Client)?,
            guard,
            duration,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Starts a GET request.
    pub fn get(&self, url: impl AsRef<str>) -> EgressRequest {
        self.request(Method::GET, url)
    }

    /// Starts a POST request.
    pub fn post(&self, url: impl AsRef<str>) -> EgressRequest {
        self.request(Method::POST, url)
    }

    /// Starts a DELETE request.
    pub fn delete(&self, url: impl AsRef<str>) -> EgressRequest {
        self.request(Method::DELETE, url)
    }

    /// Starts a request.
    pub fn request(&self, method: Method, url: impl AsRef<str>) -> EgressRequest {
        EgressRequest::new(
            self.clone(),
            self.inner.guarded.request(method, url.as_ref()),
        )
    }

    /// Checks an address a tenant wants to be called at, as far as that can be done without
    /// resolving its name; names are checked again at each request.
    ///
    /// # Errors
    ///
    /// [`EgressError::Url`] for what is not http or https, [`EgressError::Guarded`] for literal
    /// addresses that are not public.
    pub fn check_url(&self, url: &str) -> Result<(), EgressError> {
        let url = Url::parse(url).map_err(|_| EgressError::Url)?;
        self.inner.guard.check_url(&url)
    }
}

impl fmt::Debug for Egress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Egress")
            .field("guard", &self.inner.guard)
            .finish_non_exhaustive()
    }
}

fn builder(settings: &EgressSettings) -> reqwest::ClientBuilder {
    Client::builder()
        .user_agent(concat!("switchboard/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
        .timeout(Duration::from_millis(settings.request_timeout_ms))
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .tcp_nodelay(true)
        .http1_only()
        // A redirect could lead anywhere, and a proxy would resolve names behind the guard's back.
        .redirect(Policy::none())
        .no_proxy()
        // Whether a request may be repeated is the caller's knowledge alone.
        .retry(reqwest::retry::never())
}
