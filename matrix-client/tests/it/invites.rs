//! Only listed rooms are joined, and floods are bounded.

use std::time::Duration;

use matrix_bridge_core::{JoinPolicy, Policy, RoomMode};
use matrix_bridge_testkit::homeserver::{Endpoint, Membership};

use crate::{
    policies::listed,
    world::{Setup, World, pass},
};

impl World {
    fn invites(&self, count: usize) -> Vec<String> {
        let rooms: Vec<_> = (0..count)
            .map(|_| self.server.create_room(&self.alice.user_id))
            .collect();
        for room in &rooms {
            self.server
                .invite(room, &self.alice.user_id, &self.bot.user_id);
        }
        rooms
    }

    fn count(&self, rooms: &[String], membership: Membership) -> usize {
        let is =
            |room: &&String| self.server.membership(room, &self.bot.user_id) == Some(membership);
        rooms.iter().filter(is).count()
    }
}

fn allow(rooms: &[String], join: JoinPolicy) -> Setup {
    let modes: Vec<_> = rooms
        .iter()
        .map(|room| (&**room, RoomMode::Active))
        .collect();
    Setup {
        policy: Policy {
            join,
            ..listed(&modes)
        },
        ..Setup::default()
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_hundred_invites_the_three_listed_are_joined() {
    let world = World::new();
    let rooms = world.invites(200);
    let allowed = [rooms[0].clone(), rooms[100].clone(), rooms[199].clone()];
    let bot = world.start(allow(&allowed, JoinPolicy::Allowlist)).await;
    pass(Duration::from_secs(60)).await;

    assert_eq!(world.count(&allowed, Membership::Join), 3);
    assert_eq!(world.count(&rooms, Membership::Join), 3);
    assert_eq!(world.count(&rooms, Membership::Invite), 197);
    world.alice_says(&allowed[1], "!ping");
    world.until_said(&allowed[1], 1).await;
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn other_invites_are_refused_at_a_bounded_rate() {
    let world = World::new();
    let rooms = world.invites(200);
    let bot = world.start(allow(&rooms[..3], JoinPolicy::Leave)).await;

    pass(Duration::from_secs(30)).await;
    assert_eq!(world.count(&rooms, Membership::Join), 3);
    assert_eq!(world.count(&rooms, Membership::Leave), 60);
    pass(Duration::from_secs(600)).await;
    assert_eq!(world.count(&rooms, Membership::Leave), 197);
    let leaves = world
        .server
        .requests()
        .iter()
        .filter(|r| r.endpoint == Endpoint::Leave)
        .count();
    assert_eq!(leaves, 197);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn with_invites_ignored_nothing_is_joined() {
    let world = World::new();
    let rooms = world.invites(5);
    let bot = world.start(allow(&rooms[..3], JoinPolicy::Ignore)).await;
    pass(Duration::from_secs(600)).await;

    assert_eq!(world.count(&rooms, Membership::Invite), 5);
    bot.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_room_listed_after_its_invite_is_joined_then() {
    let world = World::new();
    let rooms = world.invites(2);
    let bot = world.start(allow(&rooms[..1], JoinPolicy::Allowlist)).await;
    pass(Duration::from_secs(60)).await;
    assert_eq!(world.count(&rooms, Membership::Join), 1);

    bot.handle
        .set_policy(allow(&rooms, JoinPolicy::Allowlist).policy);
    pass(Duration::from_secs(60)).await;

    assert_eq!(world.count(&rooms, Membership::Join), 2);
    bot.stop().await;
}
