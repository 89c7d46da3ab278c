//! The books are compared: what people wrote, what is stored, what Meta was given.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use anyhow::{Context, ensure};
use sb_events::{Stream, Topology};
use sqlx::PgPool;
use uuid::Uuid;

use crate::meta::Sent;
use crate::orders::Order;
use crate::phones::Question;
use crate::processes::Processes;
use crate::waiting::until_some;

/// What is waited for at the end: statuses that were posted while something was down.
const SETTLE_PATIENCE: Duration = Duration::from_mins(2);
/// Violations that are shown.
const SHOWN: usize = 15;

/// A row of `messages`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct Row {
    id: Uuid,
    conversation_id: Uuid,
    direction: String,
    wamid: Option<String>,
    state: String,
    sequence: i64,
    body: String,
    phone: String,
    phone_number_id: String,
}

const ROWS: &str = "
    SELECT m.id, m.conversation_id, m.direction, m.wamid, m.state, m.sequence,
           coalesce(m.content ->> 'body', '') AS body, i.value AS phone, n.phone_number_id
    FROM messages m
    JOIN numbers n ON n.organization_id = m.organization_id AND n.id = m.number_id
    JOIN contact_identities i ON i.organization_id = m.organization_id AND i.contact_id = m.contact_id
     AND i.kind = 'phone' AND i.valid_until IS NULL
    ORDER BY m.conversation_id, m.sequence";

/// What still moves: messages on their way, events not yet on the bus, turns not yet taken.
const UNSETTLED: &str = "
    SELECT (SELECT count(*) FROM messages
            WHERE direction = 'outgoing' AND state IN ('queued', 'sending', 'accepted', 'sent', 'delivered'))
         + (SELECT count(*) FROM outbox)
         + (SELECT count(*) FROM agent_turns WHERE state IN ('due', 'running'))";

/// What the books must say beside what always holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Audit {
    /// Answers that may stay `unknown`: what killed dispatchers had in their hands.
    pub unknown_allowed: usize,
}

/// What the books say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Findings {
    /// Messages people wrote, each stored and answered once.
    pub questions: usize,
    /// Sends Meta accepted.
    pub sent: usize,
    /// Answers that Meta never got, and that say so.
    pub unknown: usize,
}

impl Audit {
    /// Waits until nothing moves any more, then compares:
    ///
    /// 1. every message that was acknowledged is stored exactly once, and nothing else is;
    /// 2. every stored message is answered exactly once;
    /// 3. every request of a tenant, however often it was repeated, made one message;
    /// 4. Meta got every answer and every such message exactly once, except those that are `unknown`, which it never got;
    /// 5. they reached Meta in the order of their conversation;
    /// 6. every status came back, and nothing ended in quarantine or among the dead letters.
    ///
    /// # Errors
    /// What does not fit.
    pub async fn run(
        self,
        stage: &Processes,
        questions: &[Question],
        orders: &[Order],
    ) -> anyhow::Result<Findings> {
        settle(stage).await?;
        stage.meta.check_nothing_given_up().await?;
        let rows: Vec<Row> = sqlx::query_as(ROWS).fetch_all(&stage.pool).await?;
        let sent = stage.meta.sent().await?;
        let books = Books::new((questions, orders), &rows, &sent);
        let mut violations = Vec::new();
        books.check_stored(&mut violations);
        books.check_answered(&mut violations);
        books.check_ordered(&mut violations);
        books.check_sent(&mut violations);
        books.check_order(&mut violations);
        check_leftovers(&stage.pool, &mut violations).await?;
        check_dead_letters(stage, &mut violations).await?;
        let findings = books.findings();
        if findings.unknown > self.unknown_allowed {
            violations.push(format!(
                "{} answers are unknown, at most {} may be",
                findings.unknown, self.unknown_allowed
            ));
        }
        let shown: Vec<&str> = violations.iter().take(SHOWN).map(String::as_str).collect();
        ensure!(
            violations.is_empty(),
            "{} violations among {findings:?}:\n{}",
            violations.len(),
            shown.join("\n")
        );
        Ok(findings)
    }
}

async fn settle(stage: &Processes) -> anyhow::Result<()> {
    stage.meta.settle(SETTLE_PATIENCE).await?;
    let mut left = 0_i64;
    let settled = until_some(
        "every message came to an end",
        SETTLE_PATIENCE,
        async || {
            left = sqlx::query_scalar(UNSETTLED).fetch_one(&stage.pool).await?;
            Ok((left == 0).then_some(()))
        },
    )
    .await;
    if settled.is_ok() {
        return Ok(());
    }
    let states: Vec<(String, String, i64)> = sqlx::query_as(
        "SELECT direction, state, count(*) FROM messages GROUP BY 1, 2 ORDER BY 1, 2",
    )
    .fetch_all(&stage.pool)
    .await?;
    settled.with_context(|| format!("{left} rows still move; messages are {states:?}"))
}

async fn check_leftovers(pool: &PgPool, violations: &mut Vec<String>) -> anyhow::Result<()> {
    let reasons: Vec<(String, i64)> =
        sqlx::query_as("SELECT reason, count(*) FROM quarantine GROUP BY 1")
            .fetch_all(pool)
            .await?;
    violations.extend(
        reasons
            .into_iter()
            .map(|(reason, count)| format!("{count} in quarantine: {reason}")),
    );
    let failed: Vec<(Uuid, String)> = sqlx::query_as(
        "SELECT conversation_id, last_error FROM agent_turns WHERE state = 'failed'",
    )
    .fetch_all(pool)
    .await?;
    violations.extend(failed.into_iter().map(|(conversation, error)| {
        format!("the agent gave up in conversation {conversation}: {error}")
    }));
    Ok(())
}

async fn check_dead_letters(stage: &Processes, violations: &mut Vec<String>) -> anyhow::Result<()> {
    let client = async_nats::connect(stage.nats_url()).await?;
    let name = Stream::Dead.name(&Topology::default());
    let dead = async_nats::jetstream::new(client).get_stream(name).await?;
    let count = dead.cached_info().state.messages;
    if count > 0 {
        violations.push(format!("{count} dead letters"));
    }
    Ok(())
}

struct Books<'b> {
    questions: &'b [Question],
    orders: &'b [Order],
    incoming: HashMap<&'b str, Vec<&'b Row>>,
    /// By phone and text.
    answers: HashMap<(&'b str, &'b str), Vec<&'b Row>>,
    outgoing: HashMap<String, &'b Row>,
    sent: &'b [Sent],
    sends: HashMap<&'b str, Vec<&'b Sent>>,
}

impl<'b> Books<'b> {
    fn new(
        (questions, orders): (&'b [Question], &'b [Order]),
        rows: &'b [Row],
        sent: &'b [Sent],
    ) -> Self {
        let mut books = Self {
            questions,
            orders,
            incoming: HashMap::new(),
            answers: HashMap::new(),
            outgoing: HashMap::new(),
            sent,
            sends: HashMap::new(),
        };
        for row in rows {
            match row.direction.as_str() {
                "incoming" => {
                    let wamid = row.wamid.as_deref().unwrap_or_default();
                    books.incoming.entry(wamid).or_default().push(row);
                }
                "outgoing" => {
                    let key = (row.phone.as_str(), row.body.as_str());
                    books.answers.entry(key).or_default().push(row);
                    books.outgoing.insert(row.id.to_string(), row);
                }
                // Notes of the agent to its organization: check_leftovers looks at what they are about.
                _ => {}
            }
        }
        for send in sent {
            books
                .sends
                .entry(send.callback.as_str())
                .or_default()
                .push(send);
        }
        books
    }

    fn findings(&self) -> Findings {
        Findings {
            questions: self.questions.len(),
            sent: self.sent.len(),
            unknown: self
                .outgoing
                .values()
                .filter(|row| row.state == "unknown")
                .count(),
        }
    }

    fn check_stored(&self, violations: &mut Vec<String>) {
        let written: HashSet<&str> = self.questions.iter().map(|q| q.wamid.as_str()).collect();
        for question in self.questions {
            let rows = self
                .incoming
                .get(question.wamid.as_str())
                .map_or(&[][..], Vec::as_slice);
            let is_once = matches!(rows, [row] if row.phone == question.phone
                && row.phone_number_id == question.phone_number_id && row.body == question.text);
            if !is_once {
                let wamid = &question.wamid;
                violations.push(format!(
                    "{wamid} was acknowledged and is stored as {rows:?}"
                ));
            }
        }
        let strangers = self
            .incoming
            .keys()
            .filter(|wamid| !written.contains(*wamid));
        violations.extend(strangers.map(|wamid| format!("{wamid} is stored and nobody wrote it")));
    }

    fn check_answered(&self, violations: &mut Vec<String>) {
        for question in self.questions {
            let answer = question.answer();
            let rows = self
                .answers
                .get(&(question.phone.as_str(), answer.as_str()));
            let count = rows.map_or(0, Vec::len);
            if count != 1 {
                violations.push(format!("{} was answered {count} times", question.wamid));
            }
        }
        let wanted = self.questions.len() + self.orders.len();
        if self.outgoing.len() != wanted {
            let found = self.outgoing.len();
            violations.push(format!(
                "there are {found} outgoing messages instead of {wanted}"
            ));
        }
    }

    fn check_ordered(&self, violations: &mut Vec<String>) {
        for order in self.orders {
            let same = self
                .outgoing
                .values()
                .filter(|row| row.body == order.text)
                .count();
            let is_there = self
                .outgoing
                .get(&order.message)
                .is_some_and(|row| row.body == order.text);
            if same != 1 || !is_there {
                let (id, text) = (&order.message, &order.text);
                violations.push(format!("{id} ({text}) is there {same} times"));
            }
        }
    }

    fn check_sent(&self, violations: &mut Vec<String>) {
        for (callback, sends) in &self.sends {
            if !self.outgoing.contains_key(*callback) {
                violations.push(format!("Meta got {callback}, which is no message of ours"));
            }
            if sends.len() > 1 {
                violations.push(format!("{callback} was sent {} times", sends.len()));
            }
        }
        for (id, row) in &self.outgoing {
            let sends = self.sends.get(id.as_str()).map_or(&[][..], Vec::as_slice);
            match (row.wamid.as_deref(), row.state.as_str(), sends) {
                (Some(wamid), "read", [send]) if send.wamid == wamid && send.phone == row.phone => {
                }
                // Meta never got it: had it, its statuses would have told by now.
                (None, "unknown", []) => {}
                (wamid, state, _) => {
                    let count = sends.len();
                    violations.push(format!("{id} is {state} as {wamid:?}, sent {count} times"));
                }
            }
        }
    }

    fn check_order(&self, violations: &mut Vec<String>) {
        let mut last: BTreeMap<Uuid, i64> = BTreeMap::new();
        for send in self.sent {
            let Some(row) = self.outgoing.get(&send.callback) else {
                continue;
            };
            let before = last.insert(row.conversation_id, row.sequence);
            if before.is_some_and(|before| before >= row.sequence) {
                let (id, sequence) = (row.id, row.sequence);
                violations.push(format!("{id} ({sequence}) reached Meta after {before:?}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phones::Via;

    fn question(round: u32) -> Question {
        Question {
            phone: "49151".to_owned(),
            phone_number_id: "101".to_owned(),
            via: Via::SignedPosts,
            wamid: format!("wamid.in.{round}"),
            text: format!("message {round}"),
        }
    }

    fn row(id: u128, sequence: i64, direction: &str, body: &str, wamid: &str) -> Row {
        Row {
            id: Uuid::from_u128(id),
            conversation_id: Uuid::from_u128(7),
            direction: direction.to_owned(),
            wamid: Some(wamid.to_owned()),
            state: if direction == "outgoing" {
                "read"
            } else {
                "received"
            }
            .to_owned(),
            sequence,
            body: body.to_owned(),
            phone: "49151".to_owned(),
            phone_number_id: "101".to_owned(),
        }
    }

    fn send(id: u128, wamid: &str) -> Sent {
        Sent {
            wamid: wamid.to_owned(),
            phone: "49151".to_owned(),
            phone_number_id: "101".to_owned(),
            text: String::new(),
            callback: Uuid::from_u128(id).to_string(),
            status: "read".to_owned(),
        }
    }

    /// Two questions, each stored, answered and sent once.
    fn good() -> (Vec<Question>, Vec<Row>, Vec<Sent>) {
        let rows = vec![
            row(1, 1, "incoming", "message 1", "wamid.in.1"),
            row(2, 2, "outgoing", "You said: message 1", "wamid.out.1"),
            row(3, 3, "incoming", "message 2", "wamid.in.2"),
            row(4, 4, "outgoing", "You said: message 2", "wamid.out.2"),
        ];
        (
            vec![question(1), question(2)],
            rows,
            vec![send(2, "wamid.out.1"), send(4, "wamid.out.2")],
        )
    }

    fn violations(change: impl FnOnce(&mut Vec<Question>, &mut Vec<Row>, &mut Vec<Sent>)) -> usize {
        let (mut questions, mut rows, mut sent) = good();
        change(&mut questions, &mut rows, &mut sent);
        let books = Books::new((&questions, &[]), &rows, &sent);
        let mut violations = Vec::new();
        books.check_stored(&mut violations);
        books.check_answered(&mut violations);
        books.check_sent(&mut violations);
        books.check_order(&mut violations);
        violations.len()
    }

    #[test]
    fn good_books_have_no_violations() {
        assert_eq!(violations(|_, _, _| {}), 0);
        // What a killed dispatcher held: not sent, and marked so.
        let is_unknown = |_: &mut Vec<Question>, rows: &mut Vec<Row>, sent: &mut Vec<Sent>| {
            rows[3].wamid = None;
            "unknown".clone_into(&mut rows[3].state);
            sent.pop();
        };
        assert_eq!(violations(is_unknown), 0);
    }

    #[test]
    fn what_is_lost_is_noticed() {
        assert!(
            violations(|_, rows, _| drop(rows.remove(0))) > 0,
            "a message"
        );
        assert!(
            violations(|_, rows, sent| drop((rows.pop(), sent.pop()))) > 0,
            "an answer"
        );
        assert!(violations(|_, _, sent| drop(sent.pop())) > 0, "a send");
        assert!(
            violations(|_, rows, _| "sent".clone_into(&mut rows[3].state)) > 0,
            "a status"
        );
    }

    #[test]
    fn what_is_done_twice_is_noticed() {
        let again = |rows: &mut Vec<Row>, index: usize| {
            let mut again = rows[index].clone();
            again.id = Uuid::from_u128(9);
            rows.push(again);
        };
        assert!(violations(|_, rows, _| again(rows, 0)) > 0, "a message");
        assert!(violations(|_, rows, _| again(rows, 1)) > 0, "an answer");
        assert!(
            violations(|_, _, sent| sent.push(send(4, "wamid.out.3"))) > 0,
            "a send"
        );
        let sent_though_unknown =
            |_: &mut Vec<Question>, rows: &mut Vec<Row>, _: &mut Vec<Sent>| {
                "unknown".clone_into(&mut rows[3].state);
            };
        assert!(
            violations(sent_though_unknown) > 0,
            "a send that nobody knows of"
        );
    }

    #[test]
    fn what_goes_astray_is_noticed() {
        assert!(
            violations(|_, _, sent| sent.reverse()) > 0,
            "the wrong order"
        );
        assert!(
            violations(|_, rows, _| "49152".clone_into(&mut rows[0].phone)) > 0,
            "another person"
        );
        assert!(
            violations(|_, rows, _| "102".clone_into(&mut rows[0].phone_number_id)) > 0,
            "another tenant"
        );
        assert!(
            violations(|_, _, sent| sent.push(send(8, "wamid.out.8"))) > 0,
            "nobody's message"
        );
        assert!(
            violations(|questions, _, _| drop(questions.pop())) > 0,
            "an answer to nobody"
        );
    }
}
