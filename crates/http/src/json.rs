//! JSON bodies: of the right type, small enough, in time, well formed and valid, or the caller learns which of
//! these is not so.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use bytes::BytesMut;
use futures::future::LocalBoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use ring::digest;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::problem::{Code, FieldError, Problem};
use crate::validate::{FieldErrors, Validate};

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest accepted JSON body in bytes; put it into the app data.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit(pub usize);

impl Default for BodyLimit {
    fn default() -> Self {
        Self(1_048_576)
    }
}

/// A body that was read and checked.
#[derive(Debug)]
pub struct ValidJson<T> {
    value: T,
    digest: digest::Digest,
}

impl<T> ValidJson<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// SHA-256 of the bytes as they came.
    pub fn digest(&self) -> &[u8] {
        self.digest.as_ref()
    }
}

impl<T> std::ops::Deref for ValidJson<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: DeserializeOwned + Validate + 'static> FromRequest for ValidJson<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let limit = request
            .app_data::<BodyLimit>()
            .copied()
            .unwrap_or_default()
            .0;
        let head = check_head(request, limit);
        let payload = payload.take();
        async move {
            head?;
            let reading = tokio::time::timeout(BODY_TIMEOUT, read(payload, limit));
            let body = reading
                .await
                .map_err(|_| Problem::new(Code::RequestTimeout))??;
            Ok(Self {
                value: parse(&body)?,
                digest: digest::digest(&digest::SHA256, &body),
            })
        }
        .boxed_local()
    }
}

fn check_head(request: &HttpRequest, limit: usize) -> Result<(), Problem> {
    let content_type = request.content_type();
    let is_json = content_type.eq_ignore_ascii_case("application/json")
        || content_type.to_ascii_lowercase().ends_with("+json");
    if !is_json {
        return Err(Problem::new(Code::RequestUnsupportedMediaType)
            .detail("send JSON with `Content-Type: application/json`"));
    }
    if request.headers().contains_key(CONTENT_ENCODING) {
        return Err(Problem::new(Code::RequestUnsupportedMediaType)
            .detail("send the body without `Content-Encoding`"));
    }
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).is_ok_and(|n| n > limit)) {
        return Err(too_large(limit));
    }
    Ok(())
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Code::RequestTooLarge).detail(format!("at most {limit} bytes are accepted"))
}

#[expect(
    clippy::future_not_send,
    reason = "actix handles a request on one thread"
)]
async fn read(mut payload: Payload, limit: usize) -> Result<BytesMut, Problem> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| {
            if matches!(error, PayloadError::Overflow) {
                return too_large(limit);
            }
            Problem::new(Code::RequestMalformedJson)
                .detail("the body broke off")
                .because(error.to_string())
        })?;
        if body.len() + chunk.len() > limit {
            return Err(too_large(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn parse<T: DeserializeOwned + Validate>(body: &[u8]) -> Result<T, Problem> {
    if has_escaped_nul(body) {
        return Err(Problem::new(Code::RequestInvalid)
            .detail("texts must not contain the character U+0000"));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value: T = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        unreadable(&path, error.inner())
    })?;
    deserializer.end().map_err(|error| unreadable("", &error))?;
    let mut errors = FieldErrors::default();
    value.validate(&mut errors);
    errors.finish().map_err(Problem::invalid)?;
    Ok(value)
}

/// Tells malformed JSON from well-formed JSON that says something else than expected.
fn unreadable(path: &str, error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    match error.classify() {
        Category::Data => Problem::invalid(vec![field_error(path, &error.to_string())]),
        Category::Syntax | Category::Eof | Category::Io => Problem::new(Code::RequestMalformedJson)
            .detail(format!(
                "the JSON breaks off or is malformed at line {line}, column {column}"
            )),
    }
}

/// The parser names a missing field in its text only, since there is no such path yet.
fn field_error(path: &str, text: &str) -> FieldError {
    let detail = text
        .rsplit_once(" at line ")
        .map_or(text, |(detail, _)| detail);
    let path = if path == "." { "" } else { path };
    let missing = detail
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split_once('`'));
    match missing {
        Some((name, _)) if path.is_empty() => FieldError {
            field: name.to_owned(),
            detail: "is required".to_owned(),
        },
        Some((name, _)) => FieldError {
            field: format!("{path}.{name}"),
            detail: "is required".to_owned(),
        },
        None => FieldError {
            field: path.to_owned(),
            detail: detail.to_owned(),
        },
    }
}

/// PostgreSQL stores no U+0000 in texts; JSON can only say it as an escape.
fn has_escaped_nul(body: &[u8]) -> bool {
    const ESCAPE: &[u8] = b"\\u0000";
    body.windows(ESCAPE.len()).enumerate().any(|(at, window)| {
        let before = body.get(..at).unwrap_or_default();
        let backslashes = before.iter().rev().take_while(|b| **b == b'\\').count();
        // An even number of them in front are escaped backslashes, an odd number escapes this one.
        window == ESCAPE && backslashes % 2 == 0
    })
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::ContentType;
    use actix_web::test::TestRequest;
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        name: String,
        #[serde(default, rename = "inner")]
        _inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    struct Inner {
        #[serde(rename = "count")]
        _count: u8,
    }

    impl Validate for Body {
        fn validate(&self, errors: &mut FieldErrors) {
            errors.check_length("name", &self.name, 1..=3);
        }
    }

    fn fields(json: &str) -> (Code, Vec<String>) {
        let problem = parse::<Body>(json.as_bytes()).unwrap_err();
        let fields = problem.document().errors.into_iter().map(|e| e.field);
        (problem.code(), fields.collect())
    }

    #[test]
    fn the_field_at_fault_is_named_with_its_path() {
        let named = |json| {
            let (code, fields) = fields(json);
            assert_eq!(code, Code::RequestInvalid);
            fields.join(" ")
        };
        assert_eq!(named(r#"{"name":1}"#), "name");
        assert_eq!(named("{}"), "name");
        assert_eq!(
            named(r#"{"name":"a","inner":{"count":300}}"#),
            "inner.count"
        );
        assert_eq!(named(r#"{"name":"a","inner":{}}"#), "inner.count");
        assert_eq!(named(r#"{"name":"a","nmae":"b"}"#), "nmae");
        assert_eq!(named(r#"{"name":"abcd"}"#), "name");
    }

    #[test]
    fn malformed_json_is_told_with_its_place() {
        let problem = parse::<Body>(b"{\"name\":\n x").unwrap_err();
        assert_eq!(problem.code(), Code::RequestMalformedJson);
        assert!(problem.document().detail.unwrap().contains("line 2"));
        assert_eq!(fields(r#"{"name":"a"} x"#).0, Code::RequestMalformedJson);
    }

    #[test]
    fn a_nul_is_refused_but_an_escaped_backslash_is_not() {
        assert_eq!(fields(r#"{"name":"\u0000"}"#).0, Code::RequestInvalid);
        assert!(!has_escaped_nul(br"\\u0000"));
        assert!(has_escaped_nul(br"\\\u0000"));
    }

    #[expect(
        clippy::future_not_send,
        reason = "actix handles a request on one thread"
    )]
    async fn code_of(request: TestRequest) -> Result<Body, Code> {
        let (request, mut payload) = request.app_data(BodyLimit(64)).to_http_parts();
        ValidJson::<Body>::from_request(&request, &mut payload)
            .await
            .map(ValidJson::into_inner)
            .map_err(|problem| problem.code())
    }

    #[actix_web::test]
    async fn type_and_size_are_checked_before_the_content() {
        let json = || TestRequest::post().insert_header(ContentType::json());
        let good = r#"{"name":"a"}"#;
        assert!(code_of(json().set_payload(good)).await.is_ok());
        let plain = TestRequest::post().insert_header(ContentType::plaintext());
        assert_eq!(
            code_of(plain.set_payload(good)).await.unwrap_err(),
            Code::RequestUnsupportedMediaType
        );
        let large = format!(r#"{{"name":"{}"}}"#, "a".repeat(64));
        assert_eq!(
            code_of(json().set_payload(large)).await.unwrap_err(),
            Code::RequestTooLarge
        );
    }

    proptest! {
        #[test]
        fn any_body_is_taken_or_refused_without_a_panic(body: Vec<u8>) {
            let _ = parse::<Body>(&body);
        }
    }
}
