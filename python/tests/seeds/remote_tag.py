import pickle

if __name__ == "__channelexec__":
    tagger = pickle.loads(channel.receive())  # noqa: F821
    for sentence in channel:  # noqa: F821
        channel.send([(word, tagger.get(word, "NN")) for word in sentence])  # noqa: F821
