//! What may be written in one place only.

use std::collections::BTreeSet;

use crate::repository::{SourceFile, has_word, nothing, rust_files};

/// Starts of subjects, and names of streams.
const SUBJECTS: &[&str] = &["sb.event.", "sb.command.", "sb.update.", "sb.dead."];
const STREAMS: &[&str] = &[
    "UPDATES", "EVENTS", "DISPATCH", "TURNS", "MEDIA", "DELIVERY", "DEAD",
];

/// Where names on the bus are made, and where this guard names them.
const MAKES_SUBJECTS: &[&str] = &["crates/events/", "tests/tests/guards/"];

fn is_in(file: &SourceFile, folders: &[&str]) -> bool {
    folders.iter().any(|folder| file.path.starts_with(folder))
}

#[test]
fn subjects_streams_and_durables_are_named_in_the_event_contract_only() {
    let mut found = Vec::new();
    for file in rust_files()
        .iter()
        .filter(|file| !is_in(file, MAKES_SUBJECTS))
    {
        for literal in file.literals() {
            let is_subject = SUBJECTS.iter().any(|start| literal.text.contains(start));
            let is_stream = STREAMS.contains(&literal.text.as_str());
            let is_durable = sb_events::catalogue::CATALOGUE
                .iter()
                .flat_map(|entry| entry.consumers)
                .any(|package| literal.text.starts_with(&format!("{package}--")));
            if is_subject || is_stream || is_durable {
                found.push(format!("{}:{} {:?}", file.path, literal.line, literal.text));
            }
        }
    }
    nothing("names on the bus outside of crates/events", &found);
}

#[test]
fn sql_is_written_in_the_database_crate_only() {
    const MACROS: &[&str] = &["query!", "query_as!", "query_scalar!", "query_file!"];
    let mut found = Vec::new();
    for file in rust_files() {
        if file.is_test() || file.path.starts_with("crates/db/") {
            continue;
        }
        for (line, code) in file.product_lines() {
            if code.contains("sqlx::") || MACROS.iter().any(|name| has_word(code, name)) {
                found.push(format!("{}:{line} {}", file.path, code.trim()));
            }
        }
    }
    nothing("SQL outside of crates/db", &found);
}

#[test]
fn the_bare_connection_of_a_tenant_is_for_tests() {
    let mut found = Vec::new();
    for file in rust_files().iter().filter(|file| !file.is_test()) {
        for (line, code) in file.product_lines() {
            let is_definition = code.contains("fn connection_for_tests");
            if has_word(code, "connection_for_tests") && !is_definition {
                found.push(format!("{}:{line}", file.path));
            }
        }
    }
    nothing("connection_for_tests outside of tests", &found);
}

#[test]
fn tests_wait_on_conditions_and_do_not_sleep() {
    /// Pauses between two looks at a condition, and pauses that are themselves what is tested.
    const ALLOWED: &[(&str, &str)] = &[
        (
            "crates/testkit/src/wait.rs",
            "the one place that looks at a condition again and again",
        ),
        (
            "tests/src/waiting.rs",
            "the same for processes, which end with an error instead of a panic",
        ),
        (
            "crates/bus/tests/it/support.rs",
            "looks again; the test kit is built on this crate",
        ),
        (
            "crates/bus/tests/it/events.rs",
            "a handler that is slower than the server's patience",
        ),
        (
            "crates/local/src/orphan.rs",
            "looks again; the test kit is built on this crate",
        ),
        (
            "crates/local/src/process.rs",
            "looks again; the test kit is built on this crate",
        ),
        (
            "crates/local/tests/it/starter_dies.rs",
            "looks again; the test kit is built on this crate",
        ),
        (
            "crates/service/tests/signals.rs",
            "a task that does not end by itself",
        ),
    ];
    let is_allowed = |path: &str| ALLOWED.iter().any(|(allowed, _)| *allowed == path);
    let mut found = Vec::new();
    let mut sleeping = BTreeSet::new();
    for file in rust_files() {
        for (line, code) in file.test_lines() {
            if has_word(code, "sleep") || has_word(code, "sleep_until") {
                sleeping.insert(file.path.as_str());
                found.push((file, format!("{}:{line} {}", file.path, code.trim())));
            }
        }
    }
    found.retain(|(file, _)| !is_allowed(&file.path));
    let found: Vec<String> = found.into_iter().map(|(_, place)| place).collect();
    nothing("tests that sleep", &found);
    let stale = ALLOWED.iter().filter(|(path, _)| !sleeping.contains(path));
    let stale: Vec<String> = stale.map(|(path, _)| (*path).to_owned()).collect();
    nothing("exceptions that are no longer needed", &stale);
}

#[test]
fn lints_are_expected_with_a_reason_and_never_allowed() {
    let mut found = Vec::new();
    for file in rust_files() {
        for (line, code) in file.product_lines().chain(file.test_lines()) {
            let code: String = code.split_whitespace().collect();
            if code.contains("#[allow(") || code.contains("#![allow(") || code.contains(",allow(") {
                found.push(format!("{}:{line} {code}", file.path));
            }
        }
    }
    nothing("lints that are switched off", &found);
}
