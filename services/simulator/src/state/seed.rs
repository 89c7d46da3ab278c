//! The state at start: one app, account, number and token from the settings.

use std::collections::{BTreeMap, VecDeque};

use sb_config::SimulatorSettings;
use serde_json::{Map, json};

use super::State;
use super::accounts::{AccessToken, Accounts, MetaApp, Number, Waba};
use super::contacts::Contacts;
use super::faults::FaultBook;
use super::ids::Ids;
use super::messages::Messages;
use super::templates::{Template, Templates};
use crate::llm::LlmState;

/// Messages a second of a number that was never upgraded.
pub(crate) const STANDARD_MPS: usize = 80;

/// What a reset goes back to.
pub(crate) struct Seed {
    settings: SimulatorSettings,
    number: u64,
    link_key: [u8; 8],
}

impl Seed {
    pub(crate) fn new(settings: SimulatorSettings) -> Self {
        // Without a given seed ids must differ from run to run: consumers keep
        // the ones of earlier runs in their databases.
        let seed = match settings.seed {
            0 => rand::random(),
            given => given,
        };
        let link_key = Ids::new(!seed).next_u64().to_be_bytes();
        Self {
            settings,
            number: seed,
            link_key,
        }
    }

    pub(super) fn link_key(&self) -> &[u8] {
        &self.link_key
    }

    pub(crate) fn settings(&self) -> &SimulatorSettings {
        &self.settings
    }

    pub(super) fn state(&self) -> State {
        let mut ids = Ids::new(self.number);
        let accounts = self.accounts();
        let mut templates = Templates::default();
        templates.insert(self.hello_world(&mut ids));
        State {
            accounts,
            contacts: Contacts::default(),
            messages: Messages::default(),
            media: super::media::MediaStore::default(),
            templates,
            faults: FaultBook::default(),
            schedule: super::schedule::Schedule::default(),
            deliveries: super::deliveries::DeliveryLog::default(),
            llm: LlmState::default(),
            ids,
            refused: BTreeMap::new(),
        }
    }

    fn accounts(&self) -> Accounts {
        let settings = &self.settings;
        let mut accounts = Accounts::default();
        accounts.apps.insert(
            settings.app_id.clone(),
            MetaApp {
                id: settings.app_id.clone(),
                name: "Switchboard".to_owned(),
                secret: settings.app_secret.clone(),
                callback: None,
            },
        );
        accounts.wabas.insert(
            settings.waba_id.clone(),
            Waba {
                id: settings.waba_id.clone(),
                name: settings.verified_name.clone(),
                subscribed: BTreeMap::from([(settings.app_id.clone(), None)]),
            },
        );
        accounts.numbers.insert(
            settings.phone_number_id.clone(),
            new_number(
                &settings.phone_number_id,
                &settings.waba_id,
                &settings.display_phone_number,
                &settings.verified_name,
            ),
        );
        accounts.tokens.insert(
            settings.access_token.clone(),
            AccessToken {
                app_id: settings.app_id.clone(),
                expires_at: None,
                waba_ids: Vec::new(),
            },
        );
        accounts
    }

    /// Every real account is born with this template.
    fn hello_world(&self, ids: &mut Ids) -> Template {
        Template {
            id: ids.numeric(),
            waba_id: self.settings.waba_id.clone(),
            name: "hello_world".to_owned(),
            language: "en_US".to_owned(),
            category: "UTILITY".to_owned(),
            status: "APPROVED".to_owned(),
            parameter_format: "POSITIONAL".to_owned(),
            components: json!([
                {"type": "HEADER", "format": "TEXT", "text": "Hello World"},
                {"type": "BODY", "text": "Welcome and congratulations!! This message \
                    demonstrates your ability to send a WhatsApp message notification."},
                {"type": "FOOTER", "text": "WhatsApp Business Platform sample message"},
            ]),
        }
    }
}

/// A registered number with nothing special about it.
pub(crate) fn new_number(id: &str, waba_id: &str, display: &str, name: &str) -> Number {
    Number {
        id: id.to_owned(),
        waba_id: waba_id.to_owned(),
        display: display.to_owned(),
        verified_name: name.to_owned(),
        throughput_mps: STANDARD_MPS,
        registered: true,
        pin: None,
        quality_rating: "GREEN".to_owned(),
        callback: None,
        profile: Map::new(),
        allowed_recipients: Vec::new(),
        recent: VecDeque::new(),
        peak_mps: 0,
        service_month: (String::new(), 0),
    }
}
