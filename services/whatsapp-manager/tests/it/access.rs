//! Who may call, and for whom.

use sb_ids::OrganizationId;
use sb_testkit::{TenantSeed, TestTenant};

use crate::world::{World, path};

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_the_internal_key_learns_nothing() {
    let world = World::new().await;
    let numbers = world.path("/numbers");
    for (key, code) in [
        (None, "auth.missing"),
        (Some("a wrong key that is long enough"), "auth.invalid"),
        (Some(world.tenant.api_key.as_str()), "auth.invalid"),
    ] {
        for path in [numbers.as_str(), "/v1/nothing-is-here"] {
            let answer = world.call("GET", path, key).await;
            assert_eq!(
                (answer.status, answer.body["code"].as_str()),
                (401, Some(code)),
                "{path}"
            );
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_answered_is_a_problem_with_a_code() {
    let world = World::new().await;
    for (method, path, status, code) in [
        (
            "GET",
            "/v1/nothing-is-here".to_owned(),
            404,
            "route.not_found",
        ),
        (
            "DELETE",
            world.path("/numbers"),
            405,
            "route.method_not_allowed",
        ),
        (
            "GET",
            world.path("/numbers?limit=0"),
            400,
            "request.invalid_parameter",
        ),
        ("GET", world.path("/numbers?after=x"), 400, "cursor.invalid"),
        (
            "GET",
            "/v1/organizations/x/numbers".to_owned(),
            400,
            "request.invalid_parameter",
        ),
        (
            "POST",
            world.path("/numbers/x/refresh"),
            400,
            "request.invalid_parameter",
        ),
        (
            "GET",
            world.path("/wabas/x/phone-numbers"),
            400,
            "request.invalid_parameter",
        ),
    ] {
        let key = world.settings.manager.internal_key.expose();
        let answer = world.call(method, &path, Some(key)).await;
        assert_eq!(
            (answer.status, answer.body["code"].as_str()),
            (status, Some(code)),
            "{method} {path}"
        );
        assert!(answer.body["request_id"].is_string(), "{method} {path}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_reaches_its_own_numbers_and_accounts_only() {
    let world = World::new().await;
    let seed = TenantSeed::another(&world.settings, 2);
    let other = TestTenant::seeded(&world.db, &world.settings, seed).await;
    let (number, waba) = (world.tenant.number, &world.tenant.waba);
    let stranger = OrganizationId::new(sb_domain::Clock::system().now());
    for organization in [other.organization, stranger] {
        let refresh = path(organization, &format!("/numbers/{number}/refresh"));
        let answer = world.post(&refresh).await;
        assert_eq!(
            (answer.status, answer.body["code"].as_str()),
            (404, Some("number.not_found"))
        );
        let list = world
            .get(&path(organization, &format!("/wabas/{waba}/phone-numbers")))
            .await;
        assert_eq!(
            (list.status, list.body["code"].as_str()),
            (404, Some("waba.not_found"))
        );
        let subscribe = world
            .post(&path(organization, &format!("/wabas/{waba}/subscribe")))
            .await;
        assert_eq!(
            (subscribe.status, subscribe.body["code"].as_str()),
            (404, Some("waba.not_found"))
        );
    }
    let listed = world.get(&path(other.organization, "/numbers")).await;
    let ids: Vec<&str> = listed.body["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|number| number["id"].as_str())
        .collect();
    assert_eq!(ids, [other.number.to_string()]);
    assert!(
        world.get(&path(stranger, "/numbers")).await.body["data"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    world.stop().await;
}
