//! Why something could not be done, whoever asked for it.

use sb_cloud_api::errors::RetryClass;
use sb_cloud_api::graph::GraphError;
use sb_db::DbError;

use crate::tokens::TokenError;

/// Why Meta was not asked, or did not do it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The organization has no such number.
    #[error("the organization has no such number")]
    NumberUnknown,
    /// The organization has no number of such an account.
    #[error("the organization has no number of this account")]
    AccountUnknown,
    /// There is no token to ask with.
    #[error("there is no access token to ask Meta with")]
    TokenMissing,
    /// The stored token cannot be used.
    #[error("the stored access token cannot be used")]
    Token(#[from] TokenError),
    /// Meta refused or was not reached.
    #[error("Meta did not do what was asked")]
    Graph(#[from] GraphError),
    /// The database.
    #[error("the database did not do what was asked")]
    Db(#[from] DbError),
}

impl Failure {
    /// Meta does not accept the token.
    pub(crate) fn is_token_rejected(&self) -> bool {
        matches!(self, Self::Graph(error) if error.class() == RetryClass::TokenInvalid)
    }

    /// A word for metrics and log fields.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::NumberUnknown | Self::AccountUnknown => "gone",
            Self::TokenMissing => "token_missing",
            Self::Token(_) => "token_unusable",
            Self::Graph(error) => error.class().as_str(),
            Self::Db(_) => "database",
        }
    }
}
