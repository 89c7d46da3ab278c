//! What the documents point at is there.

use crate::repository::{exists, nothing, read, walk};

/// The walkthroughs name this many places at least.
const FEWEST_PLACES: usize = 20;

/// Tokens in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether a file defines a name: a function, a type, a constant or a macro.
fn defines(source: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let words = [
        "fn",
        "struct",
        "enum",
        "trait",
        "const",
        "static",
        "type",
        "mod",
        "macro_rules!",
        "impl",
    ];
    words.iter().any(|word| {
        source
            .match_indices(&format!("{word} {name}"))
            .any(|(at, text)| {
                let after = source[at + text.len()..].chars().next();
                !after.is_some_and(is_part)
            })
    })
}

/// What is wrong with `path/to/file.rs::Type::function`, if anything.
fn problem(place: &str) -> Option<String> {
    let (path, names) = place.split_once(".rs::")?;
    let path = format!("{path}.rs");
    if !exists(&path) {
        return Some(format!("{place}: there is no file {path}"));
    }
    let source = read(&path);
    let missing = names
        .split("::")
        .find(|name| !defines(&source, name.trim_end_matches("()")))?;
    Some(format!("{place}: {path} does not define {missing}"))
}

#[test]
fn the_walkthroughs_name_files_and_functions_that_exist() {
    let text = read("ARCHITECTURE.md");
    let places: Vec<&str> = quoted(&text)
        .filter(|token| token.contains(".rs::"))
        .collect();
    assert!(
        places.len() >= FEWEST_PLACES,
        "ARCHITECTURE.md names only {} places as `path/to/file.rs::function`",
        places.len()
    );
    let found: Vec<String> = places.into_iter().filter_map(problem).collect();
    nothing("ARCHITECTURE.md points at what is not there", &found);
}

#[test]
fn paths_in_documents_exist() {
    let mut found = Vec::new();
    for document in ["README.md", "ARCHITECTURE.md"] {
        let text = read(document);
        for token in quoted(&text) {
            let is_path = [
                "crates/",
                "services/",
                "proto/",
                "deploy/",
                "k8s/",
                "tests/",
            ]
            .iter()
            .any(|folder| token.starts_with(folder));
            let is_plain = !token.contains(['*', '<', '{', ' ', '…']) && !token.contains("::");
            if is_path && is_plain && !exists(token.trim_end_matches('/')) {
                found.push(format!("{document}: `{token}`"));
            }
        }
    }
    nothing("paths that do not exist", &found);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut documents = walk(&["crates", "services", "deploy", "k8s", "tests"], "md");
    documents.extend(["README.md".to_owned(), "ARCHITECTURE.md".to_owned()]);
    let mut found = Vec::new();
    for document in documents {
        let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
        let text = read(&document);
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = link.split('#').next().unwrap_or_default();
            let is_elsewhere = target.contains("://") || target.starts_with("mailto:");
            // Rust paths are checked by rustdoc.
            let is_file = target.contains('.') || target.contains('/');
            if !target.is_empty()
                && !is_elsewhere
                && is_file
                && !exists(format!("{folder}/{target}").trim_start_matches('/'))
            {
                found.push(format!("{document}: {link}"));
            }
        }
    }
    nothing("links that lead nowhere", &found);
}
