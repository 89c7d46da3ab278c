#![doc = include_str!("../README.md")]

mod api_key;
mod authenticate;
mod cursor;
mod fallback;
mod idempotency;
mod json;
mod observe;
mod operator;
mod patch;
pub mod problem;
mod request_id;
mod tenant;
mod validate;

pub use api_key::{ApiKeySecret, KeyHasher, NoRandomness};
pub use authenticate::{Authenticator, Caller, WeakOperatorKey, authenticate};
pub use cursor::{
    CursorKey, PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX, PageQuery, decode_cursor, encode_cursor,
};
pub use fallback::{RouteTable, configure_errors, fallback};
pub use idempotency::{IDEMPOTENT_REPLAYED, IdempotencyKey, IdempotentRequest};
pub use json::{BodyLimit, ValidJson};
pub use observe::observe;
pub use operator::Operator;
pub use patch::Patch;
pub use problem::{Code, FieldError, Problem, ProblemDocument, Problems};
pub use request_id::{RequestContext, X_REQUEST_ID};
pub use tenant::{Needs, Tenant, needs};
pub use validate::{FieldErrors, Validate};
