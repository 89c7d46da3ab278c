//! Database errors that no handler expected.

use sb_db::DbError;

use super::Problem;

impl From<DbError> for Problem {
    /// What passes by itself is 503, everything else a failure of ours. A conflict that means something to the
    /// caller is turned into its own problem where it is expected.
    fn from(error: DbError) -> Self {
        if error.is_transient() {
            Self::unavailable(error)
        } else {
            Self::internal(error)
        }
    }
}
