import execnet
import pickle
import remote_tag

if __name__ == "__main__":
    tagger = {"the": "DT", "a": "DT", "grinds": "VBZ", "slowly": "RB"}
    sentences = [("the mill number %d grinds slowly" % n).split() for n in range(20)]
    pickled_tagger = pickle.dumps(tagger)

    gw1 = execnet.makegateway()
    gw2 = execnet.makegateway()
    ch1 = gw1.remote_exec(remote_tag)
    ch1.send(pickled_tagger)
    ch2 = gw2.remote_exec(remote_tag)
    ch2.send(pickled_tagger)
    mch = execnet.MultiChannel([ch1, ch2])
    queue = mch.make_receive_queue()

    for i, sentence in enumerate(sentences):
        mch[i % 2].send(sentence)
    tagged = [queue.get(timeout=30)[1] for _ in sentences]
    for sentence in sorted(tagged):
        print(sentence)
    gw1.exit()
    gw2.exit()

    gw = execnet.makegateway("popen")
    channel = gw.remote_exec("channel.send(channel.receive() * 2)")
    channel.send(21)
    print(channel.receive())
    gw.exit()
