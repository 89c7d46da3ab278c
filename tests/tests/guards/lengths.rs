//! Files are short enough to be read in one go. Functions are measured by clippy.

use std::collections::BTreeMap;

use crate::repository::{nothing, rust_files};

/// Lines of code that a file should have at most.
const AIM: usize = 400;

/// Lines of code that no file may have more of.
const MOST: usize = 600;

/// Files that are longer than they should be. This list may only shrink.
const LONGER: &[&str] = &["crates/service/src/lifecycle.rs", "tests/src/audit.rs"];

#[test]
fn no_file_is_longer_than_allowed() {
    let too_long: Vec<String> = rust_files()
        .iter()
        .filter(|file| file.code_lines() > MOST)
        .map(|file| format!("{} {}", file.code_lines(), file.path))
        .collect();
    nothing(
        &format!("files with more than {MOST} lines of code"),
        &too_long,
    );
}

#[test]
fn only_the_listed_files_are_longer_than_they_should_be() {
    let longer: BTreeMap<&str, usize> = rust_files()
        .iter()
        .map(|file| (file.path.as_str(), file.code_lines()))
        .filter(|(_, lines)| *lines > AIM)
        .collect();
    let found: Vec<&str> = longer.keys().copied().collect();
    assert_eq!(
        found, LONGER,
        "files with more than {AIM} lines of code: {longer:#?}"
    );
}
