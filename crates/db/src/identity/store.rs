//! Rows of identities.

#![expect(
    clippy::as_conversions,
    reason = "the query macros name the type of a nullable array with `as`"
)]

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use sb_domain::identity::{Changes, IdentityKind, Ids, Link, Period, match_key};
use sb_ids::{ContactId, OrganizationId};
use uuid::Uuid;

use super::{ByOrganization, Identities, Sighting};
use crate::DbError;

/// One column of rows, for `unnest`.
fn column<R, T>(rows: &[R], pick: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(pick).collect()
}

impl Identities<'_> {
    /// Every identity of every contact that ever had one of the ids that were seen. Locked, so that nobody merges
    /// these contacts meanwhile; whoever wants to waits for this transaction.
    pub(super) async fn load(
        &mut self,
        sightings: &[Sighting],
    ) -> Result<ByOrganization<Vec<Link>>, DbError> {
        let mut wanted: BTreeSet<(OrganizationId, IdentityKind, String)> = BTreeSet::new();
        for sighting in sightings {
            let seen = &sighting.observation;
            let ids = seen
                .ids
                .iter()
                .chain(seen.becomes.iter().flat_map(Ids::iter));
            let also = seen.also.as_deref();
            let ids = ids.chain(also.map(|value| (IdentityKind::Phone, value)));
            wanted.extend(ids.map(|(kind, value)| {
                let key = match_key(kind, value).into_owned();
                (sighting.organization, kind, key)
            }));
        }
        let wanted: Vec<_> = wanted.into_iter().collect();
        let rows = sqlx::query!(
            r#"
            SELECT i.organization_id, i.id, i.contact_id, i.home_contact_id, i.kind, i.value, i.valid_from,
                   i.valid_until
            FROM contact_identities i
            WHERE (i.organization_id, i.contact_id) IN (
                SELECT k.organization_id, k.contact_id
                FROM unnest($1::uuid[], $2::text[], $3::text[]) AS w (o, kind, key)
                JOIN contact_identities k
                  ON k.organization_id = w.o AND k.match_key = w.key AND k.kind = w.kind)
            FOR SHARE OF i
            "#,
            &column(&wanted, |w| w.0.as_uuid()),
            &column(&wanted, |w| w.1.as_str().to_owned()),
            &column(&wanted, |w| w.2.clone()),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("contact_identities.load"))?;
        let mut links: ByOrganization<Vec<Link>> = ByOrganization::new();
        for row in rows {
            let Some(kind) = IdentityKind::parse(&row.kind) else {
                continue;
            };
            let home = row.home_contact_id.unwrap_or(row.contact_id);
            let period = Period {
                from: row.valid_from,
                until: row.valid_until,
            };
            let of = (row.contact_id.into(), home.into());
            let link = Link::new(Some(row.id), of, (kind, row.value), period);
            links
                .entry(row.organization_id.into())
                .or_default()
                .push(link);
        }
        Ok(links)
    }

    /// Writes what changes. `false` when somebody else took one of the ids meanwhile: nobody is made, and what is
    /// known has to be read again.
    pub(super) async fn save(
        &mut self,
        changes: &ByOrganization<Changes>,
    ) -> Result<bool, DbError> {
        // Sorted, so that everybody takes locks in the same order.
        let mut updated: Vec<(OrganizationId, &Link)> = Vec::new();
        let mut inserted: Vec<(OrganizationId, &Link)> = Vec::new();
        for (organization, changes) in changes {
            updated.extend(changes.updated.iter().map(|link| (*organization, link)));
            inserted.extend(changes.inserted.iter().map(|link| (*organization, link)));
        }
        updated.sort_by_key(|(organization, link)| (*organization, link.id));
        inserted.sort_by(|(a, one), (b, other)| {
            (a, one.kind, &one.value).cmp(&(b, other.kind, &other.value))
        });
        self.update(&updated).await?;
        let stored = self.insert(&inserted).await?;
        if usize::try_from(stored).is_ok_and(|stored| stored == inserted.len()) {
            return Ok(true);
        }
        let made: Vec<(OrganizationId, ContactId)> = changes
            .iter()
            .flat_map(|(organization, c)| c.created.iter().map(|made| (*organization, *made)))
            .collect();
        self.unmake(&made).await?;
        Ok(false)
    }

    async fn update(&mut self, links: &[(OrganizationId, &Link)]) -> Result<(), DbError> {
        if links.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            r#"
            UPDATE contact_identities i
            SET value = w.value, valid_from = w.valid_from, valid_until = w.valid_until
            FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[])
                AS w (o, id, value, valid_from, valid_until)
            WHERE i.organization_id = w.o AND i.id = w.id
            "#,
            &column(links, |(o, _)| o.as_uuid()),
            &column(links, |(_, l)| l.id.unwrap_or_default()),
            &column(links, |(_, l)| l.value.clone()),
            &column(links, |(_, l)| l.period.from),
            &column(links, |(_, l)| l.period.until) as &[Option<DateTime<Utc>>],
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("contact_identities.update"))
    }

    async fn insert(&mut self, links: &[(OrganizationId, &Link)]) -> Result<u64, DbError> {
        if links.is_empty() {
            return Ok(0);
        }
        let home = |link: &Link| (link.home != link.contact).then(|| link.home.as_uuid());
        let done = sqlx::query!(
            r#"
            INSERT INTO contact_identities (
                organization_id, contact_id, home_contact_id, kind, value, valid_from, valid_until)
            SELECT o, c, h, k, v, f, u
            FROM unnest(
                $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[])
                AS w (o, c, h, k, v, f, u)
            ON CONFLICT (organization_id, kind, match_key) WHERE valid_until IS NULL DO NOTHING
            "#,
            &column(links, |(o, _)| o.as_uuid()),
            &column(links, |(_, l)| l.contact.as_uuid()),
            &column(links, |(_, l)| home(l)) as &[Option<Uuid>],
            &column(links, |(_, l)| l.kind.as_str().to_owned()),
            &column(links, |(_, l)| l.value.clone()),
            &column(links, |(_, l)| l.period.from),
            &column(links, |(_, l)| l.period.until) as &[Option<DateTime<Utc>>],
        )
        .execute(&mut *self.connection)
        .await
        .map_err(DbError::of("contact_identities.insert"))?;
        Ok(done.rows_affected())
    }

    /// Takes identities back that were stored for contacts which are not made after all.
    async fn unmake(&mut self, made: &[(OrganizationId, ContactId)]) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            DELETE FROM contact_identities i
            USING unnest($1::uuid[], $2::uuid[]) AS w (o, c)
            WHERE i.organization_id = w.o AND i.contact_id = w.c
            "#,
            &column(made, |(o, _)| o.as_uuid()),
            &column(made, |(_, c)| c.as_uuid()),
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("contact_identities.unmake"))
    }

    /// Tells whoever remembers where the identities of these contacts led that one of them leads elsewhere now.
    pub(super) async fn leave(
        &mut self,
        contacts: &BTreeSet<(OrganizationId, ContactId)>,
    ) -> Result<(), DbError> {
        if contacts.is_empty() {
            return Ok(());
        }
        let contacts: Vec<_> = contacts.iter().copied().collect();
        sqlx::query!(
            r#"
            UPDATE conversations v
            SET link_version = v.link_version + 1
            FROM (
                SELECT c.organization_id, c.id
                FROM unnest($1::uuid[], $2::uuid[]) AS w (o, c)
                JOIN conversations c ON c.organization_id = w.o AND c.contact_id = w.c
                ORDER BY c.organization_id, c.id
                FOR NO KEY UPDATE OF c
            ) AS l
            WHERE v.organization_id = l.organization_id AND v.id = l.id
            "#,
            &column(&contacts, |(o, _)| o.as_uuid()),
            &column(&contacts, |(_, c)| c.as_uuid()),
        )
        .execute(&mut *self.connection)
        .await
        .map(drop)
        .map_err(DbError::of("conversations.leave"))
    }

    /// Pairs among the contacts that would be merged which somebody has separated before.
    pub(super) async fn separated(
        &mut self,
        changes: &ByOrganization<Changes>,
    ) -> Result<Vec<(OrganizationId, ContactId, ContactId)>, DbError> {
        let pairs: Vec<(OrganizationId, ContactId)> = changes
            .iter()
            .flat_map(|(organization, changes)| {
                let both = changes
                    .merges
                    .iter()
                    .flat_map(|(one, other)| [*one, *other]);
                both.map(|contact| (*organization, contact))
            })
            .collect();
        let rows = sqlx::query!(
            r#"
            SELECT m.organization_id, coalesce(w.merged_into, w.id) AS "winner!", coalesce(l.merged_into, l.id) AS "loser!"
            FROM contact_merges m
            JOIN contacts w ON w.organization_id = m.organization_id AND w.id = m.winner_id
            JOIN contacts l ON l.organization_id = m.organization_id AND l.id = m.loser_id
            WHERE m.organization_id = ANY($1) AND m.undone_at IS NOT NULL
              AND coalesce(w.merged_into, w.id) = ANY($2) AND coalesce(l.merged_into, l.id) = ANY($2)
            "#,
            &column(&pairs, |(o, _)| o.as_uuid()),
            &column(&pairs, |(_, c)| c.as_uuid()),
        )
        .fetch_all(&mut *self.connection)
        .await
        .map_err(DbError::of("contact_merges.separated"))?;
        Ok(rows
            .into_iter()
            .map(|row| {
                (
                    row.organization_id.into(),
                    row.winner.into(),
                    row.loser.into(),
                )
            })
            .collect())
    }
}
