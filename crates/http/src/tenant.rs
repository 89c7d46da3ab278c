//! The proof that a tenant may do what a handler does. A handler without it has no organization to act for.

use std::future::{Ready, ready};
use std::marker::PhantomData;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use sb_db::KeyHolder;
use sb_domain::access::{Role, Scope};
use sb_ids::{ApiKeyId, OrganizationId};

use crate::authenticate::Caller;
use crate::problem::{Code, Problem};

/// What a handler needs of its caller.
pub trait Needs: 'static {
    /// The scope, if any.
    const SCOPE: Option<Scope>;
}

macro_rules! needs {
    ($($(#[doc = $doc:literal])+ $name:ident => $scope:expr;)+) => {
        /// What a handler may need: `tenant: Tenant<needs::MessagesWrite>`.
        pub mod needs {
            use super::{Needs, Scope};

            $(
                $(#[doc = $doc])+
                #[derive(Debug, Clone, Copy)]
                pub enum $name {}

                impl Needs for $name {
                    const SCOPE: Option<Scope> = $scope;
                }
            )+
        }
    };
}

needs! {
    /// Any key will do.
    Nothing => None;
    /// `messages:write`.
    MessagesWrite => Some(Scope::MessagesWrite);
    /// `messages:read`.
    MessagesRead => Some(Scope::MessagesRead);
    /// `contacts:write`.
    ContactsWrite => Some(Scope::ContactsWrite);
    /// `settings:read`.
    SettingsRead => Some(Scope::SettingsRead);
    /// `settings:write`.
    SettingsWrite => Some(Scope::SettingsWrite);
    /// `keys:write`.
    KeysWrite => Some(Scope::KeysWrite);
}

/// A tenant whose key may do what `N` says.
#[derive(Debug, Clone)]
pub struct Tenant<N: Needs = needs::Nothing> {
    holder: Arc<KeyHolder>,
    needs: PhantomData<N>,
}

impl<N: Needs> Tenant<N> {
    /// The organization to act for.
    pub fn organization(&self) -> OrganizationId {
        self.holder.organization
    }

    /// The key that was presented.
    pub fn key(&self) -> ApiKeyId {
        self.holder.key.id
    }

    /// Its rank.
    pub fn role(&self) -> Role {
        self.holder.key.role
    }

    /// What it may do: its scopes as far as its rank holds them.
    pub fn may(&self, scope: Scope) -> bool {
        let key = &self.holder.key;
        key.role >= scope.least_role() && key.scopes.contains(&scope)
    }

    /// Refuses a key that lacks a scope, for handlers that need a second one.
    ///
    /// # Errors
    /// `access.denied`.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        if self.may(scope) {
            return Ok(());
        }
        let (scope, role) = (scope.as_str(), scope.least_role().as_str());
        Err(Problem::new(Code::AccessDenied).detail(format!(
            "this needs the scope {scope} and at least the role {role}"
        )))
    }
}

impl<N: Needs> FromRequest for Tenant<N> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = match request.extensions().get::<Caller>() {
            Some(Caller::Tenant(holder)) => Ok(Self {
                holder: Arc::clone(holder),
                needs: PhantomData,
            }),
            Some(Caller::Operator) => Err(Problem::new(Code::AccessDenied)
                .detail("the operator acts for no organization; use one of its API keys")),
            None => Err(Problem::new(Code::AuthMissing)),
        };
        ready(found.and_then(|tenant| match N::SCOPE {
            Some(scope) => tenant.require(scope).map(|()| tenant),
            None => Ok(tenant),
        }))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use chrono::DateTime;
    use sb_db::{ApiKey, OrganizationStatus};

    use super::*;

    fn request(role: Role, scopes: &[Scope]) -> HttpRequest {
        let at = DateTime::from_timestamp(1_000, 0).unwrap();
        let request = TestRequest::get().to_http_request();
        request
            .extensions_mut()
            .insert(Caller::Tenant(Arc::new(KeyHolder {
                organization: OrganizationId::new(at),
                organization_status: OrganizationStatus::Active,
                key: ApiKey {
                    id: ApiKeyId::new(at),
                    name: String::new(),
                    prefix: String::new(),
                    role,
                    scopes: scopes.to_vec(),
                    expires_at: None,
                    revoked_at: None,
                    last_used_at: None,
                    created_at: at,
                },
            })));
        request
    }

    fn outcome<N: Needs>(request: &HttpRequest) -> Result<(), Code> {
        let tenant = Tenant::<N>::from_request(request, &mut Payload::None).into_inner();
        tenant.map(drop).map_err(|problem| problem.code())
    }

    #[test]
    fn both_the_scope_and_the_role_are_needed() {
        let all = request(Role::Admin, &Scope::ALL);
        assert_eq!(outcome::<needs::SettingsWrite>(&all), Ok(()));
        let low = request(Role::Member, &Scope::ALL);
        assert_eq!(
            outcome::<needs::SettingsWrite>(&low),
            Err(Code::AccessDenied)
        );
        let narrow = request(Role::Owner, &[Scope::MessagesRead]);
        assert_eq!(
            outcome::<needs::SettingsWrite>(&narrow),
            Err(Code::AccessDenied)
        );
        assert_eq!(outcome::<needs::Nothing>(&narrow), Ok(()));
    }

    #[test]
    fn the_operator_is_no_tenant() {
        let request = TestRequest::get().to_http_request();
        request.extensions_mut().insert(Caller::Operator);
        assert_eq!(outcome::<needs::Nothing>(&request), Err(Code::AccessDenied));
    }
}
