//! Workers take due turns and keep them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{ClaimedTurn, HeldTurn, TurnClaim, TurnKey, TurnQueue, TurnTrace, columns};
use crate::DbError;

struct ClaimedRow {
    organization_id: Uuid,
    conversation_id: Uuid,
    id: Uuid,
    epoch: i64,
    message_id: Uuid,
    attempts: i32,
    due_at: DateTime<Utc>,
    correlation_id: Option<Uuid>,
    trace: serde_json::Value,
}

impl From<ClaimedRow> for ClaimedTurn {
    fn from(row: ClaimedRow) -> Self {
        let trace: TurnTrace = serde_json::from_value(row.trace).unwrap_or_default();
        Self {
            held: HeldTurn {
                key: TurnKey {
                    organization: row.organization_id.into(),
                    conversation: row.conversation_id.into(),
                },
                epoch: row.epoch,
            },
            id: row.id.into(),
            message: row.message_id.into(),
            attempt: u32::try_from(row.attempts).unwrap_or(u32::MAX),
            due_at: row.due_at,
            correlation: row.correlation_id,
            trace,
        }
    }
}

impl TurnQueue<'_> {
    /// Takes turns that are due at `now`, or whose worker has let its lease run out. Fair between tenants: the
    /// first turn of each before the second of any, and never more of one than the claim allows.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn claim(
        &mut self,
        claim: &TurnClaim,
        now: DateTime<Utc>,
    ) -> Result<Vec<ClaimedTurn>, DbError> {
        // More candidates than wanted are looked at, since other replicas may be taking the same ones.
        let rows = sqlx::query_as!(
            ClaimedRow,
            r#"
            WITH held AS (
                SELECT organization_id, count(*) AS n FROM agent_turns
                WHERE state = 'running' AND lease_owner = $1
                GROUP BY organization_id
            ),
            candidates AS (
                (SELECT tenant AS o, due.v, due.due_at, due.place
                FROM sb_tenants_with_due_turns() AS tenant
                LEFT JOIN held ON held.organization_id = tenant
                CROSS JOIN LATERAL (
                    SELECT t.v, t.due_at, row_number() OVER (ORDER BY t.due_at) AS place
                    FROM (
                        SELECT conversation_id AS v, due_at FROM agent_turns
                        WHERE organization_id = tenant AND state = 'due' AND due_at <= $2
                        ORDER BY due_at LIMIT greatest(least($4 - coalesce(held.n, 0), $3), 0)
                    ) AS t
                ) AS due
                ORDER BY due.place, due.due_at LIMIT $3::bigint * 4)
                UNION ALL
                (SELECT organization_id, conversation_id, due_at, 0 FROM agent_turns
                WHERE state = 'running' AND lease_until < $2
                ORDER BY lease_until LIMIT $3)
            ),
            taken AS (
                SELECT t.organization_id, t.conversation_id
                FROM candidates c
                JOIN agent_turns t ON t.organization_id = c.o AND t.conversation_id = c.v
                WHERE (t.state = 'due' AND t.due_at <= $2) OR (t.state = 'running' AND t.lease_until < $2)
                ORDER BY c.place, c.due_at LIMIT $3
                FOR UPDATE OF t SKIP LOCKED
            )
            UPDATE agent_turns t
            SET state = 'running', epoch = t.epoch + 1, attempts = t.attempts + 1,
                lease_owner = $1, lease_until = $5, started_at = coalesce(t.started_at, $2), updated_at = $2
            FROM taken
            WHERE t.organization_id = taken.organization_id AND t.conversation_id = taken.conversation_id
            RETURNING t.organization_id, t.conversation_id, t.id, t.epoch, t.message_id, t.attempts, t.due_at,
                t.correlation_id, t.trace
            "#,
            claim.owner,
            now,
            i64::from(claim.limit),
            i64::from(claim.per_organization),
            claim.lease_until,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("agent_turns.claim"))?;
        Ok(rows.into_iter().map(ClaimedTurn::from).collect())
    }

    /// When the next turn is due, or a lease runs out; `None` when nothing waits.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn next_due(&mut self) -> Result<Option<DateTime<Utc>>, DbError> {
        sqlx::query_scalar!(
            r#"
            SELECT least(
                (SELECT min(first.due_at)
                FROM sb_tenants_with_due_turns() AS tenant
                CROSS JOIN LATERAL (
                    SELECT t.due_at FROM agent_turns t
                    WHERE t.organization_id = tenant AND t.state = 'due'
                    ORDER BY t.due_at LIMIT 1
                ) AS first),
                (SELECT min(lease_until) FROM agent_turns WHERE state = 'running'))
            "#
        )
        .fetch_one(&mut *self.connection)
        .await
        .map_err(DbError::of("agent_turns.next_due"))
    }

    /// Which of these turns are still their worker's. The others have been put off by a newer message, taken
    /// over by a person or by another worker, or are finished.
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn still_held(&mut self, held: &[HeldTurn]) -> Result<Vec<HeldTurn>, DbError> {
        let (organizations, conversations, epochs) = columns(held);
        let rows = sqlx::query!(
            r#"
            SELECT t.organization_id, t.conversation_id, t.epoch
            FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS h (o, v, e)
            JOIN agent_turns t
                ON t.organization_id = h.o AND t.conversation_id = h.v AND t.epoch = h.e AND t.state = 'running'
            "#,
            &organizations,
            &conversations,
            &epochs,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("agent_turns.still_held"))?;
        Ok(rows
            .into_iter()
            .map(|row| held_turn(row.organization_id, row.conversation_id, row.epoch))
            .collect())
    }

    /// Extends leases; returns those that could be. A turn that is missing from the answer is no longer its
    /// worker's, as with [`Self::still_held`].
    ///
    /// # Errors
    /// [`DbError::Query`].
    pub async fn renew(
        &mut self,
        held: &[HeldTurn],
        lease_until: DateTime<Utc>,
    ) -> Result<Vec<HeldTurn>, DbError> {
        let (organizations, conversations, epochs) = columns(held);
        let rows = sqlx::query!(
            r#"
            UPDATE agent_turns t
            SET lease_until = $4
            FROM (
                SELECT a.organization_id, a.conversation_id
                FROM unnest($1::uuid[], $2::uuid[], $3::bigint[]) AS h (o, v, e)
                JOIN agent_turns a
                    ON a.organization_id = h.o AND a.conversation_id = h.v AND a.epoch = h.e
                WHERE a.state = 'running'
                ORDER BY a.organization_id, a.conversation_id
                FOR UPDATE OF a
            ) AS mine
            WHERE t.organization_id = mine.organization_id AND t.conversation_id = mine.conversation_id
            RETURNING t.organization_id, t.conversation_id, t.epoch
            "#,
            &organizations,
            &conversations,
            &epochs,
            lease_until,
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("agent_turns.renew"))?;
        Ok(rows
            .into_iter()
            .map(|row| held_turn(row.organization_id, row.conversation_id, row.epoch))
            .collect())
    }
}

fn held_turn(organization: Uuid, conversation: Uuid, epoch: i64) -> HeldTurn {
    HeldTurn {
        key: TurnKey {
            organization: organization.into(),
            conversation: conversation.into(),
        },
        epoch,
    }
}
