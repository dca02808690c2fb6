import FuzzTargets
import Glibc

// Built by Scripts/fuzz only, which links libFuzzer (clang.llvm.org/docs/LibFuzzer.html, "Using
// libFuzzer as a library").

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The target that the environment variable CARDSTATUS_FUZZ_TARGET names.
private let target: FuzzTarget = {
    let name = getenv("CARDSTATUS_FUZZ_TARGET").map { String(cString: $0) } ?? ""
    guard let target = FuzzTarget.named(name) else {
        let names = FuzzTarget.all.map(\.name).joined(separator: ", ")
        preconditionFailure("CARDSTATUS_FUZZ_TARGET must be one of \(names)")
    }
    return target
}()

@main
struct FuzzRunner {
    static func main() {
        var count = CommandLine.argc
        var arguments = CommandLine.unsafeArgv
        exit(
            runDriver(&count, &arguments) { bytes, count in
                target.run(Array(UnsafeBufferPointer(start: bytes, count: count)))
                return 0
            })
    }
}
