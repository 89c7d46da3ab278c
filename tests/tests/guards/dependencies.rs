//! Which package may depend on which: the layers of the design. A new edge is a reviewed line here.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::repository::{nothing, packages, root};

/// Libraries, lowest layer first, with the libraries each may import.
#[rustfmt::skip]
const LIBRARIES: &[(&str, &[&str])] = &[
    ("sb-ids", &[]),
    ("sb-domain", &["sb-ids"]),
    ("sb-config", &[]),
    ("sb-local", &[]),
    ("sb-telemetry", &["sb-config"]),
    ("sb-events", &["sb-ids", "sb-domain"]),
    ("sb-egress", &["sb-config", "sb-telemetry"]),
    ("sb-vault", &["sb-config"]),
    ("sb-cloud-api", &["sb-ids", "sb-domain", "sb-config", "sb-egress"]),
    ("sb-llm", &["sb-domain", "sb-config", "sb-egress"]),
    ("sb-media", &["sb-ids", "sb-domain", "sb-config", "sb-egress"]),
    ("sb-service", &["sb-config", "sb-telemetry"]),
    ("sb-bus", &["sb-ids", "sb-events", "sb-config", "sb-telemetry"]),
    ("sb-db", &["sb-ids", "sb-domain", "sb-events", "sb-config", "sb-telemetry"]),
    ("sb-http", &["sb-ids", "sb-domain", "sb-config", "sb-telemetry", "sb-db"]),
    ("sb-outbox", &["sb-ids", "sb-domain", "sb-events", "sb-config", "sb-telemetry", "sb-service", "sb-bus", "sb-db"]),
    ("sb-client", &["sb-ids", "sb-domain", "sb-config", "sb-egress"]),
];

/// Only for development and tests: services must not import them, except as dev-dependencies.
const TEST_PACKAGES: &[&str] = &["sb-testkit", "sb-local", "simulator"];

/// The one package that has all services in it; it is also a client of the gateway.
const EVERYTHING: &str = "switchboard";

/// Who may use a third party directly: each has one place that knows how to use it safely.
#[rustfmt::skip]
const THIRD_PARTIES: &[(&str, &[&str])] = &[
    ("sqlx", &["sb-db"]),
    // The benchmark measures JetStream without anything of ours.
    ("async-nats", &["sb-bus", "switchboard"]),
    // The client names methods and forms; egress sends them.
    ("reqwest", &["sb-egress", "sb-client"]),
    ("config", &["sb-config"]),
    ("object_store", &["sb-media"]),
    ("opentelemetry-otlp", &["sb-telemetry"]),
    ("opentelemetry_sdk", &["sb-telemetry"]),
    ("tracing-subscriber", &["sb-telemetry"]),
    ("prost-build", &["sb-events"]),
    ("protox", &["sb-events"]),
];

#[derive(Debug)]
struct Edge {
    from: String,
    to: String,
    is_dev: bool,
}

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--offline",
            "--no-deps",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn edges() -> Vec<Edge> {
    let metadata = metadata();
    let mut edges = Vec::new();
    for package in metadata["packages"].as_array().unwrap() {
        for dependency in package["dependencies"].as_array().unwrap() {
            edges.push(Edge {
                from: package["name"].as_str().unwrap().to_owned(),
                to: dependency["name"].as_str().unwrap().to_owned(),
                is_dev: dependency["kind"].as_str() == Some("dev"),
            });
        }
    }
    edges
}

fn services() -> BTreeSet<String> {
    packages("services").into_iter().collect()
}

fn is_ours(name: &str) -> bool {
    name.starts_with("sb-") || services().contains(name) || name == "e2e"
}

/// What a package may import: libraries have a list, services take any library.
fn allowed(from: &str) -> BTreeSet<String> {
    let libraries: BTreeMap<&str, &[&str]> = LIBRARIES.iter().copied().collect();
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
    if let Some(list) = libraries.get(from) {
        return names(list);
    }
    let mut all: BTreeSet<String> = names(&libraries.keys().copied().collect::<Vec<_>>());
    if from == EVERYTHING {
        all.extend(services());
        all.remove(EVERYTHING);
        return all;
    }
    all.remove("sb-local");
    // Clients of the gateway's API see what tenants see; the services behind it do not go through it.
    all.remove("sb-client");
    all
}

#[test]
fn packages_import_only_what_their_layer_allows() {
    let mut found = Vec::new();
    for Edge { from, to, is_dev } in edges() {
        let is_free = from == "e2e" || from == "sb-testkit" || !is_ours(&to);
        // Tests may also call a service as its clients do.
        let is_for_tests = is_dev && (TEST_PACKAGES.contains(&to.as_str()) || to == "sb-client");
        if !is_free && !is_for_tests && !allowed(&from).contains(&to) {
            found.push(format!("{from} -> {to}"));
        }
    }
    nothing(
        "edges that tests/tests/guards/dependencies.rs does not allow",
        &found,
    );
}

#[test]
fn the_test_kit_knows_no_service_and_no_product_package_needs_it() {
    let services = services();
    let mut found = Vec::new();
    for Edge { from, to, is_dev } in edges() {
        let is_upwards = from == "sb-testkit" && services.contains(&to);
        let is_in_product = to == "sb-testkit" && !is_dev && from != "e2e";
        if is_upwards || is_in_product {
            found.push(format!("{from} -> {to}"));
        }
    }
    nothing("the test kit is for tests, below the services", &found);
}

#[test]
fn every_library_has_a_line_and_no_line_allows_a_higher_layer() {
    let order: Vec<&str> = LIBRARIES.iter().map(|(name, _)| *name).collect();
    let listed: BTreeSet<String> = order.iter().map(|name| (*name).to_owned()).collect();
    let there: BTreeSet<String> = packages("crates")
        .into_iter()
        .map(|folder| format!("sb-{folder}"))
        .filter(|name| name != "sb-testkit")
        .collect();
    assert_eq!(listed, there);
    for (at, (name, imports)) in LIBRARIES.iter().enumerate() {
        for import in *imports {
            assert!(
                order[..at].contains(import),
                "{name} -> {import} goes upwards"
            );
        }
    }
}

#[test]
fn third_parties_with_one_door_are_used_behind_it_only() {
    let doors: BTreeMap<&str, &[&str]> = THIRD_PARTIES.iter().copied().collect();
    let mut found = Vec::new();
    for Edge { from, to, is_dev } in edges() {
        let is_test = is_dev || from == "e2e" || from == "sb-testkit";
        if let Some(owners) = doors.get(to.as_str())
            && !is_test
            && !owners.contains(&from.as_str())
        {
            found.push(format!("{from} -> {to}"));
        }
    }
    nothing("third parties that only one package may use", &found);
}
