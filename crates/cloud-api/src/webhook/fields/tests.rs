//! Values of every documented field, and the ways in which Meta's samples differ from its tables.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn raw(value: &Value) -> Box<RawValue> {
    RawValue::from_string(value.to_string()).unwrap()
}

fn update(field: &str, value: &Value) -> FieldUpdate {
    FieldUpdate::parse(field, &raw(value)).unwrap().unwrap()
}

#[test]
fn a_template_is_known_by_a_number_or_by_text() {
    for id in [json!(1_689_556_908_129_832_u64), json!("1689556908129832")] {
        let value = json!({"event": "APPROVED", "message_template_id": id,
            "message_template_name": "order", "message_template_language": "en-US", "reason": "NONE"});
        let FieldUpdate::Template(TemplateUpdate::Status(status)) =
            update("message_template_status_update", &value)
        else {
            panic!("another update");
        };
        assert_eq!(status.template.id, "1689556908129832");
        assert_eq!(status.template.language.as_deref(), Some("en-US"));
    }
}

#[test]
fn a_quality_update_under_the_wrong_name_is_one_all_the_same() {
    let value = json!({"previous_quality_score": "GREEN", "new_quality_score": "YELLOW",
        "message_template_id": 1, "message_template_name": "order"});
    let read = update("message_template_status_update", &value);
    assert!(
        matches!(read, FieldUpdate::Template(TemplateUpdate::Quality(quality)) if quality.new_quality_score == "YELLOW")
    );
}

#[test]
fn a_limit_reads_as_a_tier_and_as_a_number() {
    for (limit, word) in [
        (json!("TIER_2K"), "TIER_2K"),
        (json!(250), "250"),
        (json!(-1), "-1"),
    ] {
        let value = json!({ "max_daily_conversations_per_business": limit });
        let read = update("business_capability_update", &value);
        assert!(
            matches!(&read, FieldUpdate::BusinessCapability(found) if found.messaging_limit.as_deref() == Some(word))
        );
    }
}

#[test]
fn a_value_without_what_it_is_about_is_refused_without_repeating_it() {
    let value = json!({"event": "APPROVED", "message_template_name": "4917"});
    let error = FieldUpdate::parse("message_template_status_update", &raw(&value))
        .unwrap()
        .unwrap_err();
    assert!(!error.to_string().contains("4917"), "{error}");
    assert!(FieldUpdate::parse("invented_tomorrow", &raw(&json!({}))).is_none());
}

#[test]
fn a_handover_says_who_had_the_conversation_and_who_has_it() {
    let value = json!({"sender": {"phone_number": "+16505551234"},
        "recipient": {"phone_number_id": "106", "display_phone_number": "15550100001"},
        "type": "control_passed", "timestamp": "1739321024",
        "control_passed": {"previous_owner_role": "ai_agent", "new_owner_role": "customer_service"}});
    let FieldUpdate::Handover(handover) = update("messaging_handovers", &value) else {
        panic!("another update");
    };
    assert_eq!(handover.wa_id.unwrap().as_str(), "16505551234");
    assert_eq!(handover.new_owner_role.as_deref(), Some("customer_service"));
}

#[test]
fn the_contact_of_a_call_is_whoever_is_not_us() {
    let calls = raw(
        &json!({"metadata": {"display_phone_number": "15550100001", "phone_number_id": "106"},
        "calls": [{"id": "wacid.1", "event": "connect", "timestamp": "1", "direction": "USER_INITIATED",
            "from": "15550100001", "to": "16505551234"}]}),
    );
    let value = CallsValue::parse(&calls).unwrap();
    let signal = CallSignal::parse(value.calls[0], &value.metadata).unwrap();
    assert_eq!(signal.wa_id.as_ref().unwrap().as_str(), "16505551234");
    assert!(signal.opens_window());
}

#[test]
fn older_words_for_groups_are_read_as_the_present_ones() {
    let value = json!({"group_id": "g", "type": "group_add_participants", "timestamp": 1,
        "added_participants": [{"wa_id": "1650"}], "group_subject": {"text": "No", "update_successful": false}});
    let event = GroupEvent::parse(&raw(&value)).unwrap();
    assert_eq!(event.kind, "group_participants_add");
    assert_eq!(event.added.len(), 1);
    assert_eq!(event.subject, None, "it was not changed");
}

#[test]
fn an_empty_standby_is_empty() {
    let value = raw(&json!({"metadata": {"phone_number_id": "106"}, "standby": {}}));
    let standby = Standby::parse(&value).unwrap();
    assert!(standby.messages.is_empty() && standby.message_echoes.is_empty());
}

#[test]
fn a_preference_names_person_category_and_time() {
    let value = json!({"wa_id": "16505551234", "category": "marketing_messages", "value": "stop",
        "detail": "User requested to stop marketing messages", "timestamp": 1_731_705_721});
    let preference = Preference::parse(&raw(&value)).unwrap();
    assert_eq!(preference.value, "stop");
    assert!(Preference::parse(&raw(&json!({"value": "stop"}))).is_err());
}

#[test]
fn a_removed_card_has_no_name() {
    let value = json!({"type": "contact", "action": "remove", "contact": {"phone_number": "16505551234"},
        "metadata": {"timestamp": "1739321024"}});
    let card = ContactSync::parse(&raw(&value)).unwrap().unwrap();
    assert_eq!((card.action, card.name), (SyncAction::Removed, None));
}

const FIELDS: [&str; 19] = [
    "message_template_status_update",
    "message_template_quality_update",
    "message_template_components_update",
    "template_category_update",
    "template_correct_category_detection",
    "phone_number_quality_update",
    "phone_number_name_update",
    "business_username_updates",
    "security",
    "account_settings_update",
    "account_update",
    "account_alerts",
    "account_review_update",
    "business_capability_update",
    "flows",
    "partner_solutions",
    "payment_configuration_update",
    "automatic_events",
    "messaging_handovers",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z0-9+]{0,12}".prop_map(Value::from),
    ];
    let keys = prop_oneof![
        "[a-z_]{1,10}",
        Just("message_template_id".to_owned()),
        Just("event".to_owned()),
        Just("display_phone_number".to_owned()),
        Just("timestamp".to_owned()),
        Just("recipient".to_owned()),
    ];
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(keys.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_value_of_any_field_makes_it_panic(value in any_json()) {
        let value = raw(&value);
        for field in FIELDS {
            let _ = FieldUpdate::parse(field, &value).unwrap();
        }
        let _ = (History::parse(&value).is_ok(), Standby::parse(&value).is_ok(), CallsValue::parse(&value).is_ok());
        let _ = (Preference::parse(&value), ContactSync::parse(&value), GroupEvent::parse(&value));
    }
}
