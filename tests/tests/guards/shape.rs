//! Every package looks like its siblings.

use crate::repository::{exists, nothing, packages, read};

/// Services without a place in the flow of data: the command line, and the stand-in for Meta, whose README is its
/// documentation.
const OUTSIDE_THE_FLOW: &[&str] = &["switchboard", "simulator"];

#[test]
fn every_package_has_a_readme() {
    let mut found = Vec::new();
    for folder in ["crates", "services"] {
        for name in packages(folder) {
            let path = format!("{folder}/{name}/README.md");
            if !exists(&path) || read(&path).trim().lines().count() < 3 {
                found.push(path);
            }
        }
    }
    nothing("READMEs that are missing or empty", &found);
}

#[test]
fn the_readme_of_a_library_is_its_documentation() {
    let mut found = Vec::new();
    for name in packages("crates") {
        let path = format!("crates/{name}/src/lib.rs");
        if !read(&path).contains("#![doc = include_str!(\"../README.md\")]") {
            found.push(path);
        }
    }
    nothing("libraries whose documentation is not their README", &found);
}

#[test]
fn every_service_begins_with_what_it_does_and_where_to_look_next() {
    let mut found = Vec::new();
    for name in packages("services") {
        if OUTSIDE_THE_FLOW.contains(&name.as_str()) {
            continue;
        }
        let path = format!("services/{name}/src/lib.rs");
        let text = read(&path);
        let header: Vec<&str> = text
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .collect();
        for word in ["Role", "In", "Out", "Tables", "Next"] {
            let starts = |line: &&str| {
                let line = line.trim_start_matches([' ', '-', '*']);
                line.strip_prefix(word)
                    .is_some_and(|rest| rest.trim_start_matches('*').starts_with(':'))
            };
            if !header.iter().any(starts) {
                found.push(format!("{path}: {word}"));
            }
        }
    }
    nothing("headers that lack a line", &found);
}

#[test]
fn every_service_has_the_same_entry_points() {
    let mut found = Vec::new();
    for name in packages("services") {
        let main = read(&format!("services/{name}/src/main.rs"));
        if main.lines().count() > 40 {
            found.push(format!(
                "services/{name}/src/main.rs is longer than 40 lines"
            ));
        }
        if name == "switchboard" {
            continue;
        }
        let library = read(&format!("services/{name}/src/lib.rs"));
        if !library.contains("App") || !library.contains("NEEDS") {
            found.push(format!(
                "services/{name}/src/lib.rs does not export App and NEEDS"
            ));
        }
        if !exists(&format!("services/{name}/src/app.rs")) {
            found.push(format!("services/{name}/src/app.rs"));
        }
    }
    nothing("services that are put together in their own way", &found);
}

#[test]
fn every_service_is_in_the_chart_and_in_the_compose_file() {
    let (chart, compose) = (
        read("k8s/switchboard/values.yaml"),
        read("deploy/compose.yaml"),
    );
    let mut found = Vec::new();
    for name in packages("services") {
        if name == "switchboard" {
            continue;
        }
        let in_chart =
            chart.contains(&format!("\n  {name}:")) || chart.contains(&format!("image: {name}\n"));
        if !in_chart {
            found.push(format!("k8s/switchboard/values.yaml lacks {name}"));
        }
        if !compose.contains(&format!("  {name}:"))
            && !compose.contains(&format!("SERVICE: {name}"))
        {
            found.push(format!("deploy/compose.yaml lacks {name}"));
        }
    }
    nothing("services that are not deployed", &found);
}
