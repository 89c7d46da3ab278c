//! Meta's codes: what each means, what to do, and whether to try again.

use super::RetryClass::{
    self, NeverForRecipient as NEVER, PairRate as PAIR_RATE, Permanent as FIX,
    TokenInvalid as TOKEN, Uncertain as UNCERTAIN,
};

/// First code, last code, class, and what to tell whoever reads the failure.
type Row = (i64, i64, RetryClass, &'static str);

const fn soon(seconds: u64) -> RetryClass {
    RetryClass::transient(seconds)
}

const fn later(seconds: u64) -> RetryClass {
    RetryClass::later(seconds)
}

const HOUR: u64 = 3_600;

/// Every code that is known, by range. The split between "refused before processing" and
/// "uncertain" is our judgement: Meta documents only hints about waiting. Codes that only inform
/// are [`RetryClass::Permanent`] as well: there is nothing to repeat.
///
/// # Source
/// Meta, "Error codes", 2026-05-15, and the pages of the single APIs.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    (0, 0, TOKEN, "access token is invalid or expired: connect the number again"),
    (1, 1, UNCERTAIN, "Meta reports an unknown error"),
    (2, 2, UNCERTAIN, "Meta's API service is down"),
    (3, 3, FIX, "app lacks the capability or permission: check the app's permissions"),
    (4, 4, soon(60), "app's rate limit is reached"),
    (10, 10, FIX, "permission is missing: grant it to the token"),
    (33, 33, FIX, "id was deleted or does not exist: check the number's ids"),
    (100, 100, FIX, "a parameter is invalid: the details name it"),
    (190, 190, TOKEN, "access token is invalid or expired: connect the number again"),
    (200, 299, FIX, "permission is missing: grant it to the token"),
    (368, 368, FIX, "account is blocked for violating a policy: see Meta's account quality page"),
    (613, 613, soon(1), "rate limit of call permission requests is reached"),
    (80_007, 80_008, soon(60), "the WhatsApp Business Account's rate limit is reached"),
    (130_403, 130_403, FIX, "you have blocked this user: unblock them first"),
    (130_429, 130_429, soon(1), "the number's throughput is reached"),
    (130_472, 130_472, NEVER, "recipient is part of an experiment and gets no marketing messages"),
    (130_497, 130_497, FIX, "account may not message people in this country"),
    (131_000, 131_000, UNCERTAIN, "something went wrong at Meta"),
    (131_005, 131_005, FIX, "permission is missing: grant it to the token"),
    (131_008, 131_009, FIX, "a required parameter is missing or invalid: the details name it"),
    (131_016, 131_016, UNCERTAIN, "a service of Meta's is temporarily unavailable"),
    (131_020, 131_020, FIX, "group has a single member"),
    (131_021, 131_021, FIX, "recipient and sender are the same number"),
    (131_026, 131_026, NEVER, "message is undeliverable: not on WhatsApp, old app, or terms not accepted"),
    (131_030, 131_030, FIX, "recipient is not on the test number's list: add them in the app's settings"),
    (131_031, 131_031, FIX, "account is locked or the PIN does not match"),
    (131_037, 131_037, FIX, "number's display name needs approval before it may send"),
    (131_041, 131_041, FIX, "group is unknown"),
    (131_042, 131_042, FIX, "payment method has a problem: see Meta's billing settings"),
    (131_044, 131_044, FIX, "payment is required: see Meta's billing settings"),
    (131_045, 131_045, FIX, "number's registration failed: register it again"),
    (131_047, 131_047, FIX, "more than 24 hours since the contact's last message: send a template"),
    (131_048, 131_048, FIX, "number is limited because of spam reports: see its quality rating"),
    (131_049, 131_049, later(24 * HOUR), "Meta holds back marketing messages to this recipient"),
    (131_050, 131_050, NEVER, "recipient has stopped marketing messages"),
    (131_051, 131_051, FIX, "message type is not supported"),
    (131_052, 131_053, FIX, "media could not be fetched or taken: check its address, type and size"),
    (131_055, 131_055, FIX, "method is not allowed for this number"),
    (131_056, 131_056, PAIR_RATE, "too many messages to this recipient in a short time"),
    (131_057, 131_057, soon(15), "number is in maintenance, for example a throughput upgrade"),
    (131_059, 131_059, FIX, "cursor is invalid"),
    (131_060, 131_060, FIX, "message is visible in the WhatsApp Business app only"),
    (131_062, 131_062, FIX, "message needs a phone number instead of a business-scoped user id"),
    (131_063, 131_063, FIX, "marketing messages are disabled on the Cloud API: use the marketing API"),
    (131_064, 131_064, FIX, "account is limited because of misclassified templates"),
    (131_201, 131_207, FIX, "group operation was refused: the details say why"),
    (131_208, 131_208, soon(10), "rate limit of groups is reached"),
    (131_209, 131_215, FIX, "group operation was refused: the details say why"),
    (132_000, 132_000, FIX, "template's parameters do not fit: compare with the approved template"),
    (132_001, 132_001, FIX, "template does not exist or is not approved in this language"),
    (132_005, 132_005, FIX, "template's text is too long with these parameters"),
    (132_007, 132_007, FIX, "template's content violates a policy"),
    (132_008, 132_008, FIX, "template's parameters do not fit: compare with the approved template"),
    (132_012, 132_012, FIX, "template's parameters do not fit: compare with the approved template"),
    (132_015, 132_015, later(3 * HOUR), "template is paused because of low quality"),
    (132_016, 132_016, FIX, "template is disabled because of low quality: create a new one"),
    (132_018, 132_018, FIX, "template's parameters do not fit: compare with the approved template"),
    (132_068, 132_068, FIX, "flow is blocked"),
    (132_069, 132_069, later(HOUR), "flow is throttled to ten messages an hour"),
    (133_000, 133_000, FIX, "an earlier deregistration is incomplete: deregister, then register again"),
    (133_004, 133_004, UNCERTAIN, "Meta's server is temporarily unavailable"),
    (133_005, 133_006, FIX, "PIN does not match or the number must be verified again"),
    (133_008, 133_009, later(HOUR), "too many wrong PINs: wait as long as the details say"),
    (133_010, 133_010, FIX, "number is not registered: register it"),
    (133_015, 133_015, later(300), "number was deleted a moment ago"),
    (133_016, 133_016, later(72 * HOUR), "too many registrations of this number in 72 hours"),
    (134_011, 134_011, FIX, "WhatsApp Payments terms are not accepted"),
    (134_100, 134_100, FIX, "only marketing templates can be sent this way"),
    (134_101, 134_101, later(600), "template is being synchronised"),
    (134_102, 134_102, FIX, "template cannot be used for marketing messages"),
    (135_000, 135_000, FIX, "Meta refuses the parameters without saying why"),
    (136_024, 136_024, FIX, "number is already verified"),
    (137_000, 137_000, FIX, "recipient's identity changed: acknowledge it first"),
    (138_000, 138_000, FIX, "calling is not enabled on the number"),
    (138_001, 138_001, NEVER, "recipient cannot be called"),
    (138_002, 138_002, soon(1), "limit of concurrent calls is reached"),
    (138_003, 138_003, later(60), "a call with this recipient is going on"),
    (138_004, 138_004, soon(1), "call could not be connected"),
    (138_005, 138_005, soon(1), "rate limit of calls is reached"),
    (138_006, 138_006, FIX, "recipient has not permitted calls"),
    (138_007, 138_007, soon(1), "call could not be connected in time"),
    (138_009, 138_009, later(24 * HOUR), "limit of call permission requests is reached"),
    (138_012, 138_012, later(24 * HOUR), "limit of calls to this recipient is reached"),
    (138_013, 138_018, FIX, "number may not start calls: the details say why"),
    (138_019, 138_023, soon(1), "call's media connection failed"),
    (139_000, 139_004, FIX, "flow was refused for reasons of integrity"),
    (139_100, 139_101, FIX, "some or all users could not be blocked: the details say why"),
    (139_102, 139_102, soon(1), "list of blocked users changed meanwhile: read it from the start"),
    (139_103, 139_103, UNCERTAIN, "Meta reports an internal error on the list of blocked users"),
    (147_001, 147_005, FIX, "username cannot be taken: the details say why"),
    (200_005, 200_007, FIX, "template insights are not available"),
    (1_752_041, 1_752_041, FIX, "account was onboarded before: nothing to do"),
    (2_388_001, 2_388_299, FIX, "template or migration was refused: the details say why"),
    (2_494_100, 2_494_100, later(300), "number is in maintenance"),
    (2_494_164, 2_494_179, FIX, "sign-up was refused: the details say why"),
    (2_593_107, 2_593_109, FIX, "synchronisation with the app is over: disconnect and onboard again"),
];

fn row(code: i64) -> Option<&'static Row> {
    ROWS.iter()
        .find(|(first, last, ..)| (*first..=*last).contains(&code))
}

/// What may be done after an answer with this code and status.
///
/// Codes that are not known follow the status: a 4xx was refused for good unless Meta flags it as
/// transient, a 5xx may have been processed, a 429 was not.
pub fn classify(code: Option<i64>, http_status: u16, is_transient: bool) -> RetryClass {
    if let Some((_, _, class, _)) = code.and_then(row) {
        return *class;
    }
    match http_status {
        429 => soon(5),
        408 => UNCERTAIN,
        400..=499 if is_transient => soon(5),
        300..=499 => FIX,
        _ => UNCERTAIN,
    }
}

/// What a code means and what to do about it, in one sentence.
pub fn explain(code: i64) -> Option<&'static str> {
    row(code).map(|(_, _, _, meaning)| *meaning)
}

#[cfg(test)]
mod tests;
