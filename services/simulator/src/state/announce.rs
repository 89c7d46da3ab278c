//! Which apps hear of a change.

use std::time::Duration;

use super::State;
use super::effects::Effects;
use crate::webhooks::build::{Change, Metadata};
use crate::webhooks::queue::Update;

impl State {
    /// Posts a change to every app subscribed to the number's account.
    pub(crate) fn announce(
        &mut self,
        fx: &mut Effects,
        number_id: &str,
        thread: &str,
        change: Change,
    ) {
        let Some(number) = self.accounts.numbers.get(number_id) else {
            return;
        };
        let waba_id = number.waba_id.clone();
        let metadata = Metadata {
            display_phone_number: number.digits(),
            phone_number_id: number_id.to_owned(),
        };
        let update = Update {
            app_id: String::new(),
            waba_id,
            number_id: Some(number_id.to_owned()),
            thread: format!("{number_id}/{thread}"),
            metadata: Some(metadata),
            change,
        };
        self.fan_out(fx, &update);
    }

    /// Copies an update to each subscribed app that has a callback.
    pub(crate) fn fan_out(&mut self, fx: &mut Effects, update: &Update) {
        let faults = match &update.number_id {
            Some(number_id) => self.faults.of(number_id),
            None => self.faults.global.clone(),
        };
        for app_id in self.accounts.subscribers(&update.waba_id) {
            let number_id = update.number_id.as_deref();
            if self
                .accounts
                .callback(&app_id, &update.waba_id, number_id)
                .is_none()
            {
                self.deliveries.totals.updates_without_callback += 1;
                continue;
            }
            let twice = self.ids.chance(faults.duplicate_webhooks.unwrap_or(0.0));
            for _ in 0..=u8::from(twice) {
                let due = faults
                    .reorder_webhooks_ms
                    .map(|window| fx.instant + Duration::from_millis(self.ids.below(window + 1)));
                let update = Update {
                    app_id: app_id.clone(),
                    ..update.clone()
                };
                fx.post(update, due);
            }
        }
    }
}
