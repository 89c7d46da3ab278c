//! What may be answered to a phone.

use std::fmt;

use serde_json::{Map, Value};

/// The screen that ends a flow.
const SUCCESS: &str = "SUCCESS";
/// Longest name of a screen; Meta's own are far shorter.
const SCREEN_MAX: usize = 200;
/// Longest message shown when a token is refused.
const MESSAGE_MAX: usize = 1_000;

/// The answer of whoever makes the screens.
///
/// Three forms: `{"screen", "data"}` for the next screen (`SUCCESS` ends the flow), `{"data": {"acknowledged": true}}`,
/// and `{"error": "invalid_flow_token", "error_msg"?}`, which is ours: it becomes HTTP 427.
#[derive(Clone, PartialEq)]
pub enum FlowAnswer {
    /// The document to encrypt.
    Reply(Value),
    /// The token is not valid any more.
    InvalidToken {
        /// What the person is shown.
        message: Option<String>,
    },
}

/// Why an answer cannot be given to a phone. The answer itself is not repeated: it may be personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAnswer {
    /// It is no JSON object.
    #[error("the answer is not a JSON object")]
    NotAnObject,
    /// It names an error that is none of ours.
    #[error("`error` can only be `invalid_flow_token`, with a short `error_msg`")]
    UnknownError,
    /// It names no screen and acknowledges nothing.
    #[error("the answer has neither `screen` nor `data.acknowledged`")]
    NoScreen,
    /// The name of the screen cannot be one.
    #[error("`screen` is not a name of 1 to 200 characters")]
    Screen,
    /// It has no object `data`.
    #[error("`data` is not an object")]
    NoData,
    /// A final answer without its parameters.
    #[error("`data.extension_message_response.params` is missing in a final answer")]
    NoParameters,
}

impl FlowAnswer {
    /// Checks an answer. In one that ends the flow, a missing `flow_token` is put in: phones refuse it otherwise.
    ///
    /// # Errors
    /// [`InvalidAnswer`] names the rule that is broken.
    ///
    /// # Source
    /// Meta, "Implementing Endpoint for Flows", "Next Screen Response Payload" and "Final Response Payload".
    pub fn parse(answer: &[u8], flow_token: Option<&str>) -> Result<Self, InvalidAnswer> {
        let mut answer: Map<String, Value> =
            serde_json::from_slice(answer).map_err(|_| InvalidAnswer::NotAnObject)?;
        if let Some(error) = answer.get("error") {
            return refusal(error, answer.get("error_msg"));
        }
        let screen = match answer.get("screen") {
            None | Some(Value::Null) => None,
            Some(name) => Some(screen_name(name)?.to_owned()),
        };
        let data = answer
            .get_mut("data")
            .and_then(Value::as_object_mut)
            .ok_or(InvalidAnswer::NoData)?;
        match screen {
            Some(screen) if screen == SUCCESS => complete(data, flow_token)?,
            Some(_) => {}
            None if data.get("acknowledged") == Some(&Value::Bool(true)) => {}
            None => return Err(InvalidAnswer::NoScreen),
        }
        Ok(Self::Reply(answer.into()))
    }
}

fn screen_name(name: &Value) -> Result<&str, InvalidAnswer> {
    name.as_str()
        .filter(|name| (1..=SCREEN_MAX).contains(&name.chars().count()))
        .ok_or(InvalidAnswer::Screen)
}

fn refusal(error: &Value, message: Option<&Value>) -> Result<FlowAnswer, InvalidAnswer> {
    let message = match message {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.chars().count() <= MESSAGE_MAX => Some(text.clone()),
        Some(_) => return Err(InvalidAnswer::UnknownError),
    };
    if error == "invalid_flow_token" {
        Ok(FlowAnswer::InvalidToken { message })
    } else {
        Err(InvalidAnswer::UnknownError)
    }
}

fn complete(data: &mut Map<String, Value>, flow_token: Option<&str>) -> Result<(), InvalidAnswer> {
    let parameters = data
        .get_mut("extension_message_response")
        .and_then(|response| response.get_mut("params"))
        .and_then(Value::as_object_mut)
        .ok_or(InvalidAnswer::NoParameters)?;
    if let Some(token) = flow_token
        && !parameters.contains_key("flow_token")
    {
        parameters.insert("flow_token".to_owned(), token.into());
    }
    Ok(())
}

/// What is shown to people is not printed.
impl fmt::Debug for FlowAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reply(_) => "Reply",
            Self::InvalidToken { .. } => "InvalidToken",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(answer: &Value) -> Result<FlowAnswer, InvalidAnswer> {
        FlowAnswer::parse(answer.to_string().as_bytes(), Some("token-1"))
    }

    #[test]
    fn screens_and_acknowledgements_pass_as_they_are() {
        for answer in [
            json!({ "screen": "DETAILS", "data": { "price": 3, "error_message": "Sold out" } }),
            json!({ "screen": "DETAILS", "data": {}, "later": "field" }),
            json!({ "data": { "acknowledged": true } }),
        ] {
            assert_eq!(parse(&answer), Ok(FlowAnswer::Reply(answer)));
        }
    }

    #[test]
    fn a_final_answer_gets_the_token_it_lacks_and_keeps_the_one_it_has() {
        let last = |params: Value| json!({ "screen": "SUCCESS", "data": { "extension_message_response": { "params": params } } });
        assert_eq!(
            parse(&last(json!({ "order": "7" }))),
            Ok(FlowAnswer::Reply(last(
                json!({ "order": "7", "flow_token": "token-1" })
            )))
        );
        let own = last(json!({ "flow_token": "other" }));
        assert_eq!(parse(&own), Ok(FlowAnswer::Reply(own)));
    }

    #[test]
    fn a_refused_token_may_carry_a_message() {
        let refused = |message: Option<&str>| {
            Ok(FlowAnswer::InvalidToken {
                message: message.map(str::to_owned),
            })
        };
        assert_eq!(
            parse(&json!({ "error": "invalid_flow_token" })),
            refused(None)
        );
        let answer = json!({ "error": "invalid_flow_token", "error_msg": "Already ordered" });
        assert_eq!(parse(&answer), refused(Some("Already ordered")));
    }

    #[test]
    fn other_answers_are_refused_with_the_rule_they_break() {
        for (answer, reason) in [
            (json!([]), InvalidAnswer::NotAnObject),
            (json!("SUCCESS"), InvalidAnswer::NotAnObject),
            (json!({}), InvalidAnswer::NoData),
            (json!({ "screen": "A" }), InvalidAnswer::NoData),
            (json!({ "screen": "A", "data": [] }), InvalidAnswer::NoData),
            (json!({ "screen": "", "data": {} }), InvalidAnswer::Screen),
            (json!({ "screen": 1, "data": {} }), InvalidAnswer::Screen),
            (
                json!({ "data": { "acknowledged": "yes" } }),
                InvalidAnswer::NoScreen,
            ),
            (
                json!({ "screen": "SUCCESS", "data": {} }),
                InvalidAnswer::NoParameters,
            ),
            (json!({ "error": "broken" }), InvalidAnswer::UnknownError),
            (
                json!({ "error": "invalid_flow_token", "error_msg": 1 }),
                InvalidAnswer::UnknownError,
            ),
        ] {
            assert_eq!(parse(&answer), Err(reason), "{answer}");
        }
        assert_eq!(
            FlowAnswer::parse(b"{", None),
            Err(InvalidAnswer::NotAnObject)
        );
    }
}
