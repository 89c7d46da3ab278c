//! Nothing is left for later, and names say what things are.

use crate::repository::{has_word, nothing, rust_files, walk};

#[test]
fn nothing_is_left_for_later() {
    // Put together here, so that this file is none of its findings.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
        concat!("HA", "CK"),
    ];
    let macros = [concat!("to", "do!"), concat!("unimple", "mented!")];
    let mut found = Vec::new();
    for file in rust_files() {
        for (line, comment) in (1..).zip(file.comments().lines()) {
            if marks.iter().any(|mark| has_word(comment, mark)) {
                found.push(format!("{}:{line} {}", file.path, comment.trim()));
            }
        }
        for (line, code) in (1..).zip(file.code().lines()) {
            if macros.iter().any(|name| code.contains(name)) {
                found.push(format!("{}:{line} {}", file.path, code.trim()));
            }
        }
    }
    let folders = ["proto", "deploy", "k8s", "crates", "services"];
    for extension in ["proto", "sql", "sh", "yaml", "toml", "md"] {
        for path in walk(&folders, extension) {
            let text = crate::repository::read(&path);
            if marks.iter().any(|mark| has_word(&text, mark)) {
                found.push(path);
            }
        }
    }
    nothing("left for later", &found);
}

#[test]
fn no_module_is_a_drawer_for_everything() {
    const DRAWERS: &[&str] = &[
        "utils", "util", "common", "helpers", "helper", "misc", "manager", "shared",
    ];
    let mut found = Vec::new();
    for file in rust_files() {
        let parts = file.path.trim_end_matches(".rs").split('/');
        if parts.into_iter().any(|part| DRAWERS.contains(&part)) {
            found.push(file.path.clone());
        }
        for (line, code) in (1..).zip(file.code().lines()) {
            let module = code
                .trim()
                .trim_start_matches("pub ")
                .trim_start_matches("pub(crate) ");
            let name = module
                .strip_prefix("mod ")
                .map(|rest| rest.trim_end_matches([';', '{', ' ']));
            if name.is_some_and(|name| DRAWERS.contains(&name)) {
                found.push(format!("{}:{line} {}", file.path, code.trim()));
            }
        }
    }
    nothing("modules whose name says nothing", &found);
}

#[test]
fn names_of_tests_are_sentences() {
    let mut found = Vec::new();
    // The walkthroughs are named as the headings of ARCHITECTURE.md.
    for file in rust_files()
        .iter()
        .filter(|file| !file.path.starts_with("tests/tests/walkthroughs/"))
    {
        let lines: Vec<&str> = file.code().lines().map(str::trim).collect();
        for (at, line) in lines.iter().enumerate() {
            let is_test =
                line.starts_with("#[test]") || line.contains("::test]") || line.contains("::test(");
            if !is_test || !line.starts_with("#[") {
                continue;
            }
            let named = lines[at..]
                .iter()
                .find_map(|line| line.split("fn ").nth(1)?.split('(').next());
            let Some(name) = named else { continue };
            if name.starts_with("test_") || name.split('_').count() < 3 {
                found.push(format!("{}:{} {name}", file.path, at + 1));
            }
        }
    }
    nothing("tests whose name does not say what holds", &found);
}
