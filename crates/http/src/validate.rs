//! Checks that types alone cannot make.

use std::ops::RangeInclusive;

use crate::problem::FieldError;

/// A request body that can say what is wrong with it.
pub trait Validate {
    /// Reports every field at fault.
    fn validate(&self, errors: &mut FieldErrors);
}

/// The fields at fault, as they are found.
#[derive(Debug, Default)]
pub struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// Names a field at fault.
    pub fn add(&mut self, field: impl Into<String>, detail: impl Into<String>) {
        self.0.push(FieldError {
            field: field.into(),
            detail: detail.into(),
        });
    }

    /// Checks a text's length in characters.
    pub fn check_length(&mut self, field: &str, text: &str, allowed: RangeInclusive<usize>) {
        let length = text.chars().count();
        if !allowed.contains(&length) {
            let (from, to) = (allowed.start(), allowed.end());
            self.add(
                field,
                format!("must have {from} to {to} characters, has {length}"),
            );
        }
    }

    /// The outcome of all checks.
    ///
    /// # Errors
    /// What was found.
    pub fn finish(self) -> Result<(), Vec<FieldError>> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(self.0)
        }
    }
}
