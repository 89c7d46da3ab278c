use proptest::prelude::*;
use sb_cloud_api::errors::MetaError;
use serde_json::json;

use super::super::gate::tests::{claimed, now};
use super::*;

const PATIENCE: Patience = Patience {
    unknown_deadline: TimeDelta::hours(1),
};

fn refusal(code: i64, http_status: u16) -> GraphError {
    let error = MetaError::from_value(json!({"code": code, "message": "m"}));
    GraphError::Refused {
        operation: "meta.messages.send",
        code: error.code,
        subcode: None,
        http_status,
        class: error.class(http_status),
        retry_after: None,
        error: Box::new(error),
    }
}

fn unreadable() -> GraphError {
    GraphError::Unreadable {
        operation: "meta.messages.send",
        http_status: 200,
        expected: "messages[0].id",
    }
}

fn at_attempt(attempt: i32) -> ClaimedMessage {
    ClaimedMessage {
        attempt,
        ..claimed()
    }
}

fn on(message: &ClaimedMessage, error: GraphError) -> (Verdict, Effect) {
    judge(message, Err(error), now(), PATIENCE)
}

fn wait(verdict: &Verdict) -> Option<(i64, bool)> {
    match verdict {
        Verdict::Again {
            at, is_postponed, ..
        } => Some(((*at - now()).num_seconds(), *is_postponed)),
        Verdict::Accepted(_) | Verdict::Failed(_) | Verdict::Unknown { .. } => None,
    }
}

#[test]
fn the_pair_rate_holds_only_the_conversation_for_powers_of_four() {
    for (attempt, seconds) in [(1, 1), (2, 4), (3, 16)] {
        let (verdict, effect) = on(&at_attempt(attempt), refusal(131_056, 400));
        assert_eq!(wait(&verdict), Some((seconds, false)));
        assert_eq!(effect, Effect::None);
    }
}

#[test]
fn throughput_slows_the_whole_number() {
    let (verdict, effect) = on(&claimed(), refusal(130_429, 400));
    assert_eq!(wait(&verdict), Some((1, false)));
    assert_eq!(effect, Effect::PauseNumber(Duration::from_secs(1)));
}

#[test]
fn a_permanent_refusal_keeps_metas_own_words() {
    let (verdict, _) = on(&claimed(), refusal(132_000, 400));
    let Verdict::Failed(failure) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(failure.code, "meta.132000");
    assert_eq!(failure.error, json!({"code": 132_000, "message": "m"}));
    assert_eq!(failure.outcome, Some(AttemptOutcome::Refused));
}

#[test]
fn what_meta_may_have_is_unknown() {
    for error in [refusal(131_000, 500), refusal(2, 503), unreadable()] {
        let (verdict, effect) = on(&claimed(), error);
        assert!(
            matches!(verdict, Verdict::Unknown { deadline, .. } if deadline == now() + TimeDelta::hours(1))
        );
        assert_eq!(effect, Effect::None);
    }
}

#[test]
fn a_refused_token_stops_the_number_and_not_the_message() {
    let (verdict, effect) = on(&claimed(), refusal(190, 401));
    assert_eq!(wait(&verdict), Some((1, false)));
    assert_eq!(effect, Effect::RejectToken);
}

#[test]
fn a_message_put_off_for_a_day_lets_its_conversation_go_on() {
    let (verdict, _) = on(&claimed(), refusal(131_049, 400));
    assert_eq!(wait(&verdict), Some((86_400, true)));
    let (verdict, _) = on(&at_attempt(POSTPONED_ATTEMPTS), refusal(131_049, 400));
    assert!(matches!(verdict, Verdict::Failed(_)));
}

#[test]
fn a_retry_that_would_come_too_late_is_a_failure() {
    let expiring = ClaimedMessage {
        expires_at: Some(now() + TimeDelta::seconds(1)),
        ..claimed()
    };
    let (verdict, _) = on(&expiring, refusal(131_056, 400));
    let Verdict::Failed(failure) = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(failure.code, "message.expired");
    assert_eq!(failure.error["code"], json!(131_056));
    let waited = ClaimedMessage {
        due_since: now() - RETRIED_FOR,
        ..claimed()
    };
    let (verdict, _) = on(&waited, refusal(131_056, 400));
    assert!(
        matches!(verdict, Verdict::Again { .. }),
        "waiting is not trying"
    );
    let old = ClaimedMessage {
        attempt: RETRIED_AT_LEAST + 1,
        ..waited
    };
    let (verdict, _) = on(&old, refusal(131_056, 400));
    assert!(matches!(verdict, Verdict::Failed(failure) if failure.code == "meta.131056"));
}

proptest! {
    #[test]
    fn nothing_that_meta_may_have_is_ever_sent_again(
        code in prop_oneof![0_i64..3_000, 130_000_i64..140_000], status in 300_u16..600, attempt in 1..30,
    ) {
        let (verdict, _) = on(&at_attempt(attempt), refusal(code, status));
        let class = refusal(code, status).class();
        if matches!(verdict, Verdict::Again { .. }) {
            prop_assert!(class.is_repeatable() || class == RetryClass::TokenInvalid);
        }
        if class == RetryClass::Uncertain {
            let is_unknown = matches!(verdict, Verdict::Unknown { .. });
            prop_assert!(is_unknown);
        }
    }
}
