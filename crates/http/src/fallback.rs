//! Requests that reach no handler: the framework's own errors as problems.

use actix_web::error::{PathError, QueryPayloadError};
use actix_web::http::Method;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};
use utoipa::openapi::OpenApi;

use crate::problem::{Code, Problem};

/// Every path with its methods, to tell an unknown path from a wrong method.
#[derive(Debug, Clone, Default)]
pub struct RouteTable(Vec<(Vec<Segment>, Vec<Method>)>);

#[derive(Debug, Clone)]
enum Segment {
    Literal(String),
    Variable,
}

impl RouteTable {
    /// The table of an OpenAPI document.
    pub fn of(document: &OpenApi) -> Self {
        let paths = document.paths.paths.iter();
        Self(
            paths
                .map(|(path, item)| {
                    let mut methods = Vec::new();
                    for (operation, method) in [
                        (&item.get, Method::GET),
                        (&item.post, Method::POST),
                        (&item.put, Method::PUT),
                        (&item.patch, Method::PATCH),
                        (&item.delete, Method::DELETE),
                    ] {
                        if operation.is_some() {
                            methods.push(method);
                        }
                    }
                    (
                        path.trim_start_matches('/')
                            .split('/')
                            .map(segment)
                            .collect(),
                        methods,
                    )
                })
                .collect(),
        )
    }

    fn allowed(&self, path: &str) -> Vec<&Method> {
        let asked: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let matches = |segments: &[Segment]| {
            segments.len() == asked.len()
                && segments.iter().zip(&asked).all(|(s, part)| match s {
                    Segment::Literal(text) => text == part,
                    Segment::Variable => !part.is_empty(),
                })
        };
        self.0
            .iter()
            .filter(|(segments, _)| matches(segments))
            .flat_map(|(_, methods)| methods)
            .collect()
    }
}

fn segment(text: &str) -> Segment {
    if text.starts_with('{') {
        Segment::Variable
    } else {
        Segment::Literal(text.to_owned())
    }
}

/// The default service: 405 with `Allow` where the path has other methods, 404 otherwise. Takes the
/// [`RouteTable`] from the app data.
///
/// # Errors
/// Always.
#[expect(
    clippy::future_not_send,
    reason = "actix handles a request on one thread"
)]
pub async fn fallback(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let table = request.app_data::<Data<RouteTable>>();
    let allowed = table.map_or_else(Vec::new, |table| {
        let allowed = table.allowed(request.path());
        allowed.iter().map(ToString::to_string).collect()
    });
    if allowed.is_empty() {
        return Err(Problem::new(Code::RouteNotFound));
    }
    let allow = HeaderValue::from_str(&allowed.join(", ")).map_err(Problem::internal)?;
    Err(Problem::new(Code::RouteMethodNotAllowed).header(ALLOW, allow))
}

/// Turns the framework's errors about paths and queries into problems.
pub fn configure_errors(config: &mut web::ServiceConfig) {
    config
        .app_data(web::PathConfig::default().error_handler(|error, _| bad_path(&error).into()))
        .app_data(web::QueryConfig::default().error_handler(|error, _| bad_query(&error).into()));
}

/// The value is not repeated: it may be personal.
fn bad_path(error: &PathError) -> Problem {
    Problem::new(Code::RequestInvalidParameter)
        .detail("a part of the path is not an id")
        .because(error.to_string())
}

fn bad_query(error: &QueryPayloadError) -> Problem {
    Problem::new(Code::RequestInvalidParameter)
        .detail("a query parameter has the wrong type")
        .because(error.to_string())
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::path::{OperationBuilder, PathItem};
    use utoipa::openapi::{HttpMethod, OpenApiBuilder, PathsBuilder};

    use super::*;

    #[test]
    fn a_wrong_method_is_told_from_an_unknown_path() {
        let item = PathItem::new(HttpMethod::Patch, OperationBuilder::new());
        let paths = PathsBuilder::new().path("/v1/agents/{id}", item);
        let table = RouteTable::of(&OpenApiBuilder::new().paths(paths).build());
        assert_eq!(table.allowed("/v1/agents/7"), [&Method::PATCH]);
        assert!(table.allowed("/v1/agents").is_empty());
        assert!(table.allowed("/v1/agents/").is_empty());
        assert!(table.allowed("/v1/agents/7/x").is_empty());
    }
}
