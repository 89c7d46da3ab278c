//! Replaced private keys of flow endpoints.

use chrono::TimeDelta;
use sb_db::{FlowHandler, SystemReason};
use sb_domain::Clock;
use sb_testkit::{Servers, TestTenant};

#[tokio::test]
async fn a_replaced_key_opens_for_its_time_and_is_then_forgotten() {
    let servers = Servers::start().await;
    let (db, settings) = (servers.db().await, servers.settings());
    let tenant = TestTenant::create(&servers).await;
    let handler = FlowHandler::Agent {
        agent: Some(tenant.agent),
    };
    let endpoint = tenant.flow_endpoint(&db, &settings, handler).await;
    tenant.rotate_flow_key(&db, &settings, &endpoint, 60).await;
    let now = Clock::system().now();
    for (seconds, is_there, forgotten) in [(0, true, 0), (120, false, 1), (120, false, 0)] {
        let at = now + TimeDelta::seconds(seconds);
        let mut tx = db.system(SystemReason::FlowExchange).await.unwrap();
        let serving = tx.flow_endpoints().find_serving(endpoint.id, at).await;
        let serving = serving.unwrap().unwrap();
        assert_eq!(serving.previous_private_key_sealed.is_some(), is_there);
        assert_eq!(serving.agent.unwrap().id, tenant.agent);
        assert_eq!(tx.forget_replaced_flow_keys(at).await.unwrap(), forgotten);
        tx.commit().await.unwrap();
    }
}
