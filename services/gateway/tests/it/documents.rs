//! What people read.

use sb_egress::Method;
use serde_json::Value;

use crate::world::{World, answer};

#[tokio::test]
async fn the_reference_page_comes_from_the_binary_and_shows_the_document() {
    let world = World::start().await;
    for path in ["/", "/docs"] {
        let redirect = answer(world.anonymous(Method::GET, path)).await;
        assert_eq!(redirect.status, 302);
        assert_eq!(redirect.headers.get("location").unwrap(), "/docs/");
    }
    let page = world
        .anonymous(Method::GET, "/docs/")
        .send("test")
        .await
        .unwrap();
    assert_eq!(page.status().as_u16(), 200);
    let page = page.bytes_limited(1_000_000).await.unwrap();
    let page = String::from_utf8_lossy(&page);
    assert!(page.contains("swagger-ui"), "{page}");
    assert!(
        !page.contains("https://"),
        "nothing comes from elsewhere: {page}"
    );
    let script = "/docs/swagger-initializer.js";
    let script = world
        .anonymous(Method::GET, script)
        .send("test")
        .await
        .unwrap();
    let script = script.bytes_limited(100_000).await.unwrap();
    assert!(String::from_utf8_lossy(&script).contains("/openapi.json"));
    let document = answer(world.anonymous(Method::GET, "/openapi.json")).await;
    assert_eq!(document.body["openapi"], "3.1.0");
}

#[tokio::test]
async fn every_problem_links_a_page_that_is_there() {
    let world = World::start().await;
    let problem = answer(world.anonymous(Method::GET, "/v1/organization")).await;
    let page = problem.body["type"].as_str().unwrap();
    let page = world
        .anonymous(Method::GET, page)
        .send("test")
        .await
        .unwrap();
    assert_eq!(page.status().as_u16(), 200);
    let text = page.bytes_limited(100_000).await.unwrap();
    assert!(text.starts_with(b"# auth.missing"));
    let unknown = answer(world.anonymous(Method::GET, "/problems/nothing")).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn the_request_id_comes_back_in_header_and_problem() {
    let world = World::start().await;
    let request = world
        .request(
            Method::GET,
            "/v1/agents/019b0000-0000-7000-8000-000000000000",
        )
        .header("x-request-id", "order-17");
    let answer = answer(request).await;
    assert_eq!(answer.headers.get("x-request-id").unwrap(), "order-17");
    assert_eq!(answer.body["request_id"], "order-17");
    assert_eq!(answer.headers.get_all("x-request-id").iter().count(), 1);
}

#[test]
fn every_operation_of_the_document_is_a_method_of_the_client() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/client/src");
    let mut sources = std::fs::read_to_string(folder.join("events.rs")).unwrap();
    for file in std::fs::read_dir(folder.join("operations")).unwrap() {
        sources += &std::fs::read_to_string(file.unwrap().path()).unwrap();
    }
    let document: Value = serde_json::from_str(&gateway::openapi_json()).unwrap();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(
                sources.contains(&format!("\"{id}\"")),
                "sb-client lacks {id}"
            );
        }
    }
}
