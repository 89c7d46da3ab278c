//! What a person reads: the reference page, the OpenAPI document, and a page for each problem.

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_TYPE, LOCATION};
use actix_web::web::{self, Path};
use sb_http::{Code, Problem};
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::openapi;

/// Adds the pages.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    let to_docs = || async {
        HttpResponse::Found()
            .insert_header((LOCATION, "/docs/"))
            .finish()
    };
    config
        .route("/", web::get().to(to_docs))
        .route("/docs", web::get().to(to_docs))
        .route("/openapi.json", web::get().to(document))
        .route("/problems/{code}", web::get().to(problem))
        .service(SwaggerUi::new("/docs/{_:.*}").config(Config::from("/openapi.json")));
}

async fn document() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("application/json")
        .body(openapi::openapi_json())
}

async fn problem(code: Path<String>) -> Result<HttpResponse, Problem> {
    let page = sb_http::problem::page(&code).ok_or_else(|| Problem::new(Code::RouteNotFound))?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/markdown; charset=utf-8"))
        .body(page))
}
