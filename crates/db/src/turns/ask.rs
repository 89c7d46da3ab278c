//! Messages ask for answers, a batch at a time.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sb_ids::TurnId;

use super::{AskedTurn, TurnKey, TurnQueue, TurnRequest};
use crate::DbError;

/// The latest message of each conversation, in the order of the keys: one statement may touch a row only once,
/// and replicas that lock in the same order do not wait for each other in a circle.
fn latest(requests: &[TurnRequest]) -> Vec<&TurnRequest> {
    let mut by_key: BTreeMap<TurnKey, &TurnRequest> = BTreeMap::new();
    for request in requests {
        let kept = by_key.entry(request.key).or_insert(request);
        if kept.sequence < request.sequence {
            *kept = request;
        }
    }
    by_key.into_values().collect()
}

/// One column of the batch, for `unnest`.
fn column<T>(requests: &[&TurnRequest], pick: impl Fn(&TurnRequest) -> T) -> Vec<T> {
    requests.iter().map(|request| pick(request)).collect()
}

impl TurnQueue<'_> {
    /// Makes turns due where an agent answers, `default_delay` after `at` unless the agent has a delay of its
    /// own; a turn that was due is put off, one that was being worked on is taken from its worker. A message
    /// that has asked before changes nothing, so the batch may be repeated.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn ask(
        &mut self,
        requests: &[TurnRequest],
        default_delay: TimeDelta,
        at: DateTime<Utc>,
    ) -> Result<Vec<AskedTurn>, DbError> {
        let requests = latest(requests);
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query!(
            r#"
            INSERT INTO agent_turns AS t (
                organization_id, conversation_id, id, state, epoch, message_id, seen_sequence, due_at,
                updated_at, correlation_id, trace)
            SELECT a.o, a.v, a.i, 'due', 1, a.m, a.s,
                $8 + make_interval(secs => coalesce(g.response_delay_seconds, $9::double precision)), $8,
                nullif(a.c, '00000000-0000-0000-0000-000000000000'), a.t
            FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::uuid[], $7::jsonb[])
                AS a (o, v, i, m, s, c, t)
            CROSS JOIN LATERAL sb_answering_agent(a.o, a.v, $8) AS g
            ORDER BY a.o, a.v
            ON CONFLICT (organization_id, conversation_id) DO UPDATE
            SET id = excluded.id, state = 'due', epoch = t.epoch + 1, message_id = excluded.message_id,
                seen_sequence = excluded.seen_sequence, due_at = excluded.due_at,
                lease_until = NULL, lease_owner = NULL, attempts = 0, last_error = '',
                started_at = NULL, finished_at = NULL, updated_at = excluded.updated_at,
                correlation_id = excluded.correlation_id, trace = excluded.trace
            WHERE t.seen_sequence < excluded.seen_sequence
            RETURNING t.organization_id, t.conversation_id, t.epoch, t.due_at
            "#,
            &column(&requests, |r| r.key.organization.as_uuid()),
            &column(&requests, |r| r.key.conversation.as_uuid()),
            &column(&requests, |r| TurnId::derive(r.message.as_uuid(), "turn").as_uuid()),
            &column(&requests, |r| r.message.as_uuid()),
            &column(&requests, |r| r.sequence),
            &column(&requests, |r| r.correlation.unwrap_or_default()),
            &column(&requests, |r| serde_json::to_value(&r.trace).unwrap_or_default()),
            at,
            default_delay.as_seconds_f64(),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("agent_turns.ask"))?;
        Ok(rows
            .into_iter()
            .map(|row| AskedTurn {
                key: TurnKey {
                    organization: row.organization_id.into(),
                    conversation: row.conversation_id.into(),
                },
                epoch: row.epoch,
                due_at: row.due_at,
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use sb_ids::{ConversationId, MessageId, OrganizationId};

    use super::*;

    #[test]
    fn of_a_burst_only_the_latest_message_asks() {
        let at = DateTime::from_timestamp(1_000, 0).unwrap();
        let (here, there) = (ConversationId::new(at), ConversationId::new(at));
        let organization = OrganizationId::new(at);
        let request = |conversation, sequence| TurnRequest {
            key: TurnKey {
                organization,
                conversation,
            },
            message: MessageId::new(at),
            sequence,
            correlation: None,
            trace: BTreeMap::new(),
        };
        let burst = [
            request(here, 1),
            request(there, 7),
            request(here, 3),
            request(here, 2),
        ];
        let mut asked: Vec<_> = latest(&burst)
            .iter()
            .map(|r| (r.key.conversation, r.sequence))
            .collect();
        asked.sort_by_key(|(_, sequence)| *sequence);
        assert_eq!(asked, [(here, 3), (there, 7)]);
    }
}
