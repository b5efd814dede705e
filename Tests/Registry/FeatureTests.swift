import Registry
import Testing

@Suite struct FeatureTests {
    private static let project = FeatureActor(projectID: 7, groupIDs: [1, 2], userID: 5)

    private func isOn(
        _ conditions: [FeatureGate.Condition], stage: Stage, for actor: FeatureActor = project
    ) -> Bool {
        FeatureSnapshot(conditions.map { FeatureGate(feature: "npm", condition: $0) })
            .isOn("npm", stage: stage, for: actor)
    }

    @Test func theStageDecidesWhereNobodySetAGate() {
        #expect(isOn([], stage: .generalAvailability))
        #expect(!isOn([], stage: .beta))
        #expect(!isOn([], stage: .experiment))
    }

    @Test(arguments: Stage.allCases)
    func aGateForEveryoneDecides(stage: Stage) {
        #expect(isOn([.everyone(true)], stage: stage))
        #expect(!isOn([.everyone(false)], stage: stage))
    }

    @Test func gatesAddUp() {
        #expect(isOn([.everyone(false), .project(7)], stage: .beta))
        #expect(isOn([.group(2)], stage: .beta))
        #expect(isOn([.user(5)], stage: .beta))
        #expect(!isOn([.project(8), .group(3), .user(6)], stage: .beta))
        #expect(!isOn([.project(8)], stage: .generalAvailability))
    }

    @Test func aFeatureIsThereForSomebodyOrForNobody() {
        let cases: [([FeatureGate.Condition], Stage, Bool)] = [
            ([], .generalAvailability, true), ([], .beta, false), ([.everyone(true)], .beta, true),
            ([.everyone(false)], .generalAvailability, false),
            ([.everyone(false), .project(3)], .beta, true), ([.group(1)], .beta, true),
            ([.user(1)], .experiment, true), ([.percentageOfActors(0)], .beta, false),
            ([.percentageOfActors(1)], .beta, true),
        ]
        for (conditions, stage, isOn) in cases {
            let features = FeatureSnapshot(
                conditions.map { FeatureGate(feature: "npm", condition: $0) })
            #expect(features.isOnForSomebody("npm", stage: stage) == isOn, "\(conditions)")
        }
    }

    @Test func aShareOfProjectsIsThatShareAndStaysTheSame() {
        for share in [0, 10, 50, 100] {
            let chosen = (Int64(0)..<5000).filter { id in
                isOn(
                    [.percentageOfActors(share)], stage: .beta,
                    for: FeatureActor(projectID: id, groupIDs: [], userID: nil))
            }
            #expect(abs(chosen.count - share * 50) <= 150, "\(share) % chose \(chosen.count)")
            if share == 10 {
                let more = chosen.filter { id in
                    isOn(
                        [.percentageOfActors(50)], stage: .beta,
                        for: FeatureActor(projectID: id, groupIDs: [], userID: nil))
                }
                #expect(more == chosen, "raising a share takes nobody out")
            }
        }
        #expect(
            !isOn(
                [.percentageOfActors(100)], stage: .beta,
                for: FeatureActor(projectID: nil, groupIDs: [], userID: 5)))
    }
}
