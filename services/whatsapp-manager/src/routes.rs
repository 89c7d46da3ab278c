//! The route table.

use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::web;
use sb_http::{Code, Problem};

use crate::handlers::{accounts, numbers};

/// Everything is about one organization; the gateway knows which one its caller may speak for.
pub(crate) fn configure(config: &mut web::ServiceConfig) {
    config.service(
        web::scope("/v1/organizations/{organization}")
            .service(
                web::resource("/numbers")
                    .get(numbers::list::handle)
                    .default_service(web::to(only_get)),
            )
            .service(
                web::resource("/numbers/{number}/refresh")
                    .post(numbers::refresh::handle)
                    .default_service(web::to(only_post)),
            )
            .service(
                web::resource("/wabas/{waba}/phone-numbers")
                    .get(accounts::phone_numbers::handle)
                    .default_service(web::to(only_get)),
            )
            .service(
                web::resource("/wabas/{waba}/subscribe")
                    .post(accounts::subscribe::handle)
                    .default_service(web::to(only_post)),
            ),
    );
}

async fn only_get() -> Result<&'static str, Problem> {
    Err(not_allowed("GET"))
}

async fn only_post() -> Result<&'static str, Problem> {
    Err(not_allowed("POST"))
}

fn not_allowed(allowed: &'static str) -> Problem {
    Problem::new(Code::RouteMethodNotAllowed).header(ALLOW, HeaderValue::from_static(allowed))
}
