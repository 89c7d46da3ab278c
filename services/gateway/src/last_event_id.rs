//! The header with which a browser continues an event stream.

use std::convert::Infallible;

use actix_web::HttpMessage;
use actix_web::error::ParseError;
use actix_web::http::header::{Header, HeaderName, HeaderValue, TryIntoHeaderValue};

/// `Last-Event-ID`, if there is one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LastEventId(pub(crate) Option<String>);

impl Header for LastEventId {
    fn name() -> HeaderName {
        HeaderName::from_static("last-event-id")
    }

    fn parse<M: HttpMessage>(message: &M) -> Result<Self, ParseError> {
        let value = message.headers().get(Self::name());
        // What is not text cannot be the id of an event: it is refused like any other wrong one.
        Ok(Self(value.map(|v| v.to_str().unwrap_or("?").to_owned())))
    }
}

impl TryIntoHeaderValue for LastEventId {
    type Error = Infallible;

    fn try_into_value(self) -> Result<HeaderValue, Infallible> {
        let text = self.0.unwrap_or_default();
        Ok(HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("")))
    }
}
