//! The proof that the caller runs the installation.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};

use crate::authenticate::Caller;
use crate::problem::{Code, Problem};

/// Who runs the installation: makes and lists organizations, and acts for none of them.
#[derive(Debug, Clone, Copy)]
pub struct Operator(());

impl FromRequest for Operator {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(match request.extensions().get::<Caller>() {
            Some(Caller::Operator) => Ok(Self(())),
            Some(Caller::Tenant(_)) => {
                Err(Problem::new(Code::AccessDenied).detail("this needs the operator's credential"))
            }
            None => Err(Problem::new(Code::AuthMissing)),
        })
    }
}
